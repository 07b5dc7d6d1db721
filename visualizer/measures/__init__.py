"""From records to numbers: numpy, and scipy where it is used."""
