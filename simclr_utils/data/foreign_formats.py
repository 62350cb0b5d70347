"""Names the formats that people have and this course does not read, and says what to do."""

import os

HEIC = (
    "HEIC, the format of iPhone photographs: install its reader with `pip install pillow-heif`, or "
    "export the photographs as JPEG"
)
RAW = "camera raw file: develop it to JPEG, PNG or TIFF first"
DICOM = "DICOM file: export it as PNG or TIFF of 16 bits first"
NIFTI = "NIfTI volume: export its slices as PNG or TIFF of 16 bits first"
VIDEO = "video: save frames of it as PNG or JPEG first"
VECTOR = "drawing without pixels (SVG, EPS or PDF): export it as PNG first"
PHOTOSHOP = "Photoshop file: export it as PNG or TIFF first"
MICROSCOPE = "file of a microscope: export its planes as PNG or TIFF first"
ARRAYS = "file of arrays: save each image as PNG or TIFF first"
ARCHIVE = "archive: unpack it first"
JPEG_XL = "JPEG XL: convert it to PNG or JPEG first"
OTHER = "image in a format that is not read: convert it to PNG first"

# Place in the file, the bytes there, what it is.
MAGIC = (
    (128, b"DICM", DICOM),
    (344, b"n+1\0", NIFTI),
    (344, b"ni1\0", NIFTI),
    (4, b"ftypcrx ", RAW),
    (0, b"FUJIFILMCCD-RAW", RAW),
    (0, b"%PDF", VECTOR),
    (0, b"%!PS", VECTOR),
    (0, b"\xc5\xd0\xd3\xc6", VECTOR),
    (0, b"<svg", VECTOR),
    (0, b"8BPS", PHOTOSHOP),
    (0, b"\x1aE\xdf\xa3", VIDEO),
    (8, b"AVI ", VIDEO),
    (0, b"\0\0\1\xba", VIDEO),
    (0, b"ZISRAWFILE", MICROSCOPE),
    (0, b"\x89HDF", ARRAYS),
    (0, b"\x93NUMPY", ARRAYS),
    (0, b"PK\3\4", ARCHIVE),
    (0, b"7z\xbc\xaf", ARCHIVE),
    (0, b"Rar!", ARCHIVE),
    (0, b"\xff\x0a", JPEG_XL),
    (0, b"\0\0\0\x0cJXL ", JPEG_XL),
    (0, b"SIMPLE  =", OTHER),
    (0, b"\x76\x2f\x31\x01", OTHER),
    (0, b"\0\0\1\0", OTHER),
)
SUFFIXES = {
    RAW: ".dng .cr2 .cr3 .crw .nef .nrw .arw .srf .sr2 .orf .rw2 .raf .pef .srw .3fr .iiq .raw",
    DICOM: ".dcm .dicom",
    NIFTI: ".nii .nii.gz",
    VIDEO: ".mp4 .mov .avi .mkv .webm .m4v .mpg .mpeg .wmv",
    VECTOR: ".svg .svgz .eps .ps .pdf .ai",
    PHOTOSHOP: ".psd .psb",
    MICROSCOPE: ".czi .lif .nd2 .oib .oif .vsi .mrxs",
    ARRAYS: ".npy .npz .h5 .hdf5 .mat .nrrd .mha .mhd",
    ARCHIVE: ".zip .gz .tar .tgz .7z .rar",
    JPEG_XL: ".jxl",
    OTHER: ".exr .hdr .fits .fit .ico .tga .dds .xcf .pcx",
    HEIC: ".heic .heif .hif",
}
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def name_format(name, head):
    """Names the format of a file that is not read, by its first bytes or its name.

    Args:
        name: Name or path of the file.
        head: The first bytes of it, some hundreds; none, to go by the name alone.

    Returns:
        A phrase that names the format and what to do, or `None` if it is unknown.
    """
    head = bytes(head)
    if head[4:8] == b"ftyp":
        if head[8:12] in HEIC_BRANDS:
            return HEIC
        if head[8:12] != b"crx ":
            return VIDEO
    for place, magic, kind in MAGIC:
        if head[place : place + len(magic)] == magic:
            return kind
    if b"<svg" in head:
        return VECTOR
    lower = os.path.basename(name).lower()
    for kind, suffixes in SUFFIXES.items():
        if lower.endswith(tuple(suffixes.split())):
            return kind
    return None
