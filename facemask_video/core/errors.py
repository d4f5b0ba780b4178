"""Every exception that this package raises on purpose.

Each message is one line in the shape "what, where, what to do". The command line prints it as it
is and exits 1; nothing else of a failure reaches the user unless ``-v`` asks for the traceback.
"""


class FacemaskVideoError(Exception):
    """A failure that a user can cause or mend."""


class VideoReadError(FacemaskVideoError):
    """An input, a video or a picture, cannot be opened or read to its end."""


class NoFrameInRangeError(VideoReadError):
    """No frame of a stream lies in the range asked for."""


class VideoWriteError(FacemaskVideoError):
    """An output cannot be opened, encoded or completed."""


class WeightsError(FacemaskVideoError):
    """A weights file is missing, damaged, or made for something else."""


class BrokenCropError(WeightsError):
    """A generator gives values that are no numbers.

    Attributes:
        place: Of the first crop that they are given for, in its batch.
    """

    def __init__(self, message: str, place: int) -> None:
        super().__init__(message)
        self.place = place


class ConfigError(FacemaskVideoError):
    """An option or a configuration file holds a key or value that is not accepted."""


class DeviceError(FacemaskVideoError):
    """The device or precision asked for is not available here."""


class TrainingError(FacemaskVideoError):
    """A training run cannot go on."""


class TracksError(FacemaskVideoError):
    """A tracks sidecar is damaged or belongs to another file."""


class CropsError(FacemaskVideoError):
    """A set of crops is missing, damaged, or was made with other options."""


class BatchError(FacemaskVideoError):
    """A batch's folder or its ledger cannot be read or written, or no worker can be had."""
