"""The smallest model there is."""

import torch


class ArgmaxModel(torch.nn.Module):
    """The index of the largest number in each row."""

    def forward(self, *rows):
        """A tensor of as many indices as `rows[0]` has rows."""
        return torch.argmax(rows[0], dim=1)


def save_pt_file(filepath="base_model.pt"):
    """Save the model's (empty) state dict."""
    torch.save(ArgmaxModel().state_dict(), filepath)
