"""What can be sold and how it is made. States problems for the solver, never solves them."""
