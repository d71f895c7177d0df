"""When and where is it made? `problem` states it, `book` and `promise` answer, `search` improves, `check` judges."""
