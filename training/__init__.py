"""How every bundled model was made: one command each."""
