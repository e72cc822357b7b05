"""Public loan data cut into landing files by day, and the use case that reads them."""
