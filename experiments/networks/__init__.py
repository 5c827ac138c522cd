"""The networks of the studies, with the number of parameters that the literature states for each."""
