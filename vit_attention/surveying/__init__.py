"""The survey of a data set: thousands of pictures through one model, in shards that need nothing of each other."""
