"""The desk's pages, an area a module; each route says who may use it and how it can end."""
