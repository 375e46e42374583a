"""Workers in processes of their own, for archives that threads cannot hold."""
