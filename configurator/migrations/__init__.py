"""How the database came to be: Alembic's environment and one file a step. `migrate` goes to the newest."""
