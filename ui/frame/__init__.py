"""The lowest room of the app: start-up, routing, the page table, state in the address."""
