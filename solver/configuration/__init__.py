"""Which configurations exist? `problem` states it, `session` answers clicks, `check` judges every answer."""
