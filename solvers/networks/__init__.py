"""What is done to networks: rules for what is regularised, sparse initialisation, counting, export."""
