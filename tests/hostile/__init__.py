"""A client with one hub's credentials that sends whatever it can, beside honest hubs."""
