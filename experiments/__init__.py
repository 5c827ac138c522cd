"""The network studies: data, networks, training, baselines, sweeps, figures and tables."""
