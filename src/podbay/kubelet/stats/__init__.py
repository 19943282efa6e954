"""What the node, its pods and its containers use: measured here, told in upstream's formats."""
