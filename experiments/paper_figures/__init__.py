"""The papers' figures from stored runs: `mlbreg figure`."""
