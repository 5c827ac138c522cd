"""Dual certificates of worst-case bounds: proofs found by performance estimation, stored exactly, verified without solver."""

from .record import Certificate, CertificateError, about, load, names
from .verification import CertificateEvidence, certified_limit, verify

__all__ = [
    "Certificate",
    "CertificateError",
    "CertificateEvidence",
    "about",
    "certified_limit",
    "load",
    "names",
    "verify",
]
