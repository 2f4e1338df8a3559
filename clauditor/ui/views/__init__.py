"""What screens say: session snapshots, the time and a width become rows, words and units. Pure."""
