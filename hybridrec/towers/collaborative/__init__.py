"""Matrix factorisation of who met what, weighted by how often and how lately."""
