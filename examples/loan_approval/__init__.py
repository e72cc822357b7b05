"""A simulated lender: three source systems that drop files into the landing zone."""
