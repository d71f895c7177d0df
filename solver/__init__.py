"""Pure solving: frozen problems in, frozen answers out. Only this room speaks OR-Tools."""
