"""Choose, see price and date, check out, track: what a buyer does."""
