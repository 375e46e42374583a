"""Text to prompt to picture: a workflow of a language model and a diffusion model."""
