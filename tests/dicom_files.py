"""Small DICOM files of an invented patient, for tests of what reads them."""

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

NAME, NUMBER, BIRTH = "Quixote^Alonso", "PID-007731", "19470229"  # a day that did not exist
SECRETS = (NAME, "Quixote", "Alonso", NUMBER, "007731", BIRTH)


def make_dicom(path, pixels, kind="MONOCHROME2", patient=NUMBER, **elements):
    """Writes a DICOM file.

    Args:
        path: Path of the file.
        pixels: Array `[height, width]`, with three channels, or with frames in front; or a list of
            bytes, the compressed frames, with `Rows` and the like among the elements.
        kind: String, the photometric interpretation.
        patient: String, the patient ID.
        **elements: Further elements by their keywords, values or elements of pydicom;
            `TransferSyntaxUID` sets the syntax.
    """
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = elements.pop("TransferSyntaxUID", ExplicitVRLittleEndian)
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    data.PatientName, data.PatientID = NAME, patient
    data.add(pydicom.DataElement(0x00100030, "DA", BIRTH, already_converted=True))
    data.PhotometricInterpretation = kind
    if not isinstance(pixels, list):
        color = pixels.shape[-1] == 3
        data.SamplesPerPixel = 3 if color else 1
        data.Rows, data.Columns = pixels.shape[-3:-1] if color else pixels.shape[-2:]
        if color:
            data.PlanarConfiguration = 0
        if pixels.ndim > 2 + color:
            data.NumberOfFrames = len(pixels)
        data.BitsAllocated = data.BitsStored = 8 * pixels.dtype.itemsize
        data.HighBit = data.BitsStored - 1
        data.PixelRepresentation = int(pixels.dtype.kind == "i")
        content = pixels.tobytes()
        data.PixelData = content + b"\0" * (len(content) % 2)
    else:
        data.PixelData = encapsulate(pixels)
    for keyword, value in elements.items():
        if isinstance(value, pydicom.DataElement):
            data.add(value)
        else:
            setattr(data, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def compressed(shape, bits=8, samples=1):
    """Returns the elements that describe compressed pixels."""
    return {
        **{"Rows": shape[0], "Columns": shape[1], "SamplesPerPixel": samples},
        **{"BitsAllocated": 8 if bits <= 8 else 16, "BitsStored": bits, "HighBit": bits - 1},
        "PixelRepresentation": 0,
    }


def item(**elements):
    """Returns an item of a sequence."""
    data = Dataset()
    for keyword, value in elements.items():
        setattr(data, keyword, value)
    return data


def ramp(top=4095, size=16, dtype=np.uint16):
    """Returns pixels that rise from 0 to `top` along a row."""
    return np.tile(np.linspace(0, top, size).astype(dtype), (size, 1))
