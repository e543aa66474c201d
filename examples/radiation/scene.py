"""A made-up scene for the radiation example: an image of the atmosphere, and how uncertain it is.

Smooth random fields with the range and the relations of a summer morning over mountains: vapour and aerosol thin out
with height, clouds cover a part, the sun climbs across the swath. Nothing of it was measured.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

UNCERTAIN = ("cloud", "aerosol", "vapour", "ozone", "albedo")
COLUMNS = slice(7, 12)  # of them among the inputs
SUN = 13  # the column of the zenith angle of the sun, degrees

# Of the errors: haze swells in moist air, and what a retrieval gives to the cloud it takes from the haze.
CORRELATION = np.eye(5)
CORRELATION[0, 1] = CORRELATION[1, 0] = -0.4
CORRELATION[1, 2] = CORRELATION[2, 1] = 0.4


def field(size, scale, seed):
    """A smooth random field (size, size) of mean 0 and standard deviation 1; `scale` is a part of the image."""
    rough = np.random.default_rng(seed).standard_normal((size, size))
    smooth = gaussian_filter(rough, scale * size, mode="wrap")
    return (smooth - smooth.mean()) / smooth.std()


def scene(size=512):
    """Inputs of the network at each pixel, (size * size, 14)."""
    height = 0.8 * np.exp(0.5 * field(size, 0.06, 1))  # km
    aerosol = (0.12 + 0.25 * np.exp(-height / 0.8)) * np.exp(0.3 * field(size, 0.08, 2))
    vapour = 2.6 * np.exp(-height / 2) * np.exp(0.15 * field(size, 0.1, 3))  # g/cm^2
    ozone = 0.3 + 0.01 * field(size, 0.2, 4)  # cm
    albedo = np.clip(0.15 + 0.04 * field(size, 0.01, 5), 0.05, None)
    cover = field(size, 0.03, 6) + 0.5 * field(size, 0.008, 7)
    cloud = np.where(cover > 0.6, 4 * np.clip(cover - 0.6, 0, None) ** 1.3, 0)  # optical thickness
    sun = np.broadcast_to(np.linspace(48, 38, size), (size, size))
    cloudy = cloud > 0
    none = np.zeros((size, size))
    # Flags of cloud types 0, 1, 3 and aerosol types 1, 2, 4, 5: the package sets the latter by the cloud, too.
    columns = [~cloudy, cloudy, none, cloudy, none, none, none, cloud, aerosol, vapour, ozone, albedo, height, sun]
    return np.stack(columns, axis=-1).reshape(-1, 14).astype(float)


def covariance(x):
    """That of the errors of the uncertain inputs, (n, 5, 5); see `UNCERTAIN`."""
    cloud, aerosol, vapour, ozone, albedo = x[:, COLUMNS].T
    sigma = np.stack([0.15 * cloud, 0.01 + 0.06 * aerosol, 0.15 * vapour, 0.03 * ozone, 0.01 + 0.05 * albedo], axis=-1)
    return sigma[:, :, None] * CORRELATION * sigma[:, None, :]
