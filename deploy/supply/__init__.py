"""What this project is made of, from its two lock files: inventory, licence list, bill of materials, vulnerability audit."""
