"""Content Credentials (C2PA): a signed statement of how an output was made, and its validation.

The manifest says what the metadata says (`provenance`) and more, and cannot be changed unseen: it
carries a hash of the file and a signature. Containers that hold none get it as a file beside them,
``NAME.c2pa`` (C2PA specification 2.1, sections 11.3 and 11.4). No thumbnail is put into it, as that
of the source would show the face that was covered, and nothing is fetched from a network.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError, VideoWriteError
from facemask_video.core.files import atomic_write, sha256_file
from facemask_video.provenance import DIGITAL_SOURCE_TYPE, TOOL

Made = Literal["edited", "transcoded", "repackaged"]
"""What became of the source, as C2PA calls it: faces were changed, none was and the pictures were
encoded, or its packets were copied."""

_EMBEDS = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".avi": "video/avi",
    ".gif": "image/gif",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".avif": "image/avif",
    ".heic": "image/heic",
}
_SIDECAR_TYPE = "application/octet-stream"
_CONVERSION = "org.facemask-video.conversion"
_SETTINGS = {
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}
_SOURCE = "source"


def embeds(path: Path) -> bool:
    """Return whether a file's container holds a manifest.

    >>> embeds(Path("a.MP4")), embeds(Path("a.mkv"))
    (True, False)
    """
    return path.suffix.lower() in _EMBEDS


def sidecar_path(path: Path) -> Path:
    """Return where the manifest of a file lies whose container holds none.

    >>> sidecar_path(Path("out/a.mkv")).as_posix()
    'out/a.c2pa'
    """
    return path.with_suffix(".c2pa")


@dataclass(frozen=True, slots=True)
class Claim:
    """What is stated of an output.

    Attributes:
        target: The output.
        source: The file that it was made of.
        direction: Which way faces were translated.
        version: This program's.
        weights_sha256: Hash of the generator's weights.
    """

    target: Path
    source: Path
    direction: Direction
    version: str
    weights_sha256: str


class Signer:
    """A certificate and its key, known to fit and to be valid now.

    Args:
        certificate: PEM: the signer's certificate, then those up to the root, which may be left
            out.
        key: PEM: its private key, not encrypted.

    Raises:
        ConfigError: One cannot be read, they do not fit, the certificate is not valid today, or
            may not sign.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._c2pa = _library()
        self._certificate = certificate
        chain, private = _read(certificate), _read(key)
        algorithm = _checked(certificate, key, chain, private)
        info = self._c2pa.C2paSignerInfo(algorithm, chain, private, None)
        try:
            self._signer = self._c2pa.Signer.from_info(info)
            self._try()
        except self._c2pa.C2paError as exc:
            raise ConfigError(
                f"{certificate}: cannot sign ({_reason(exc)}); C2PA takes a certificate whose use "
                "is digitalSignature, for e-mail protection or document signing, of EC P-256, "
                "P-384 or P-521, RSA or Ed25519."
            ) from exc

    def _try(self) -> None:
        """Sign a statement of a few bytes, so that what is wrong is said before the work."""
        import io

        manifest = {"claim_generator_info": [{"name": TOOL}], "format": _SIDECAR_TYPE}
        manifest["assertions"] = [_actions([_edited("created", None)])]
        with self._builder(manifest) as builder:
            builder.set_no_embed()
            builder.sign(self._signer, _SIDECAR_TYPE, io.BytesIO(b"trial"), io.BytesIO())

    def _builder(self, manifest: dict[str, Any]) -> Any:
        return self._c2pa.Builder(manifest, context=_context(self._c2pa))

    def sign(self, part: Path, claim: Claim, made: Made) -> bytes | None:
        """Sign a finished file, in place where its container holds a manifest.

        Args:
            part: The file, which may have another name than the target yet.
            claim: What is stated of it.
            made: What became of the source.

        Returns:
            The manifest, to be put beside the file; None where it lies in it.

        Raises:
            VideoWriteError: It cannot be signed.
        """
        kind = _EMBEDS.get(claim.target.suffix.lower())
        try:
            with self._builder(_manifest(claim, made, kind or _SIDECAR_TYPE)) as builder:
                _add_source(builder, claim.source)
                if kind is None:
                    builder.set_no_embed()
                with (
                    part.open("rb") as file,
                    atomic_write(part) as signed,
                    signed.open("w+b") as written,
                ):
                    manifest = builder.sign(self._signer, kind or _SIDECAR_TYPE, file, written)
        except (self._c2pa.C2paError, OSError) as exc:
            raise VideoWriteError(f"{claim.target}: cannot be signed ({_reason(exc)}).") from exc
        return bytes(manifest) if kind is None else None


def _manifest(claim: Claim, made: Made, kind: str) -> dict[str, Any]:
    about = {
        "direction": claim.direction.value,
        "weights_sha256": claim.weights_sha256 if made == "edited" else None,
        "source_sha256": sha256_file(claim.source),
    }
    return {
        "claim_generator_info": [{"name": TOOL, "version": claim.version}],
        "title": claim.target.name,
        "format": kind,
        "assertions": [
            _actions(
                [
                    {"action": "c2pa.opened", "parameters": {"ingredientIds": [_SOURCE]}},
                    _edited(made, claim),
                ]
            ),
            {"label": _CONVERSION, "data": {k: v for k, v in about.items() if v is not None}},
        ],
    }


def _actions(actions: list[dict[str, Any]]) -> dict[str, Any]:
    return {"label": "c2pa.actions.v2", "data": {"actions": actions}}


def _edited(made: str, claim: Claim | None) -> dict[str, Any]:
    action: dict[str, Any] = {"action": f"c2pa.{made}"}
    if made in ("edited", "created"):
        action["digitalSourceType"] = DIGITAL_SOURCE_TYPE
    if claim is not None:
        action["softwareAgent"] = {"name": TOOL, "version": claim.version}
        action["when"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if made == "edited":
            action["parameters"] = {
                "direction": claim.direction.value,
                "weights_sha256": claim.weights_sha256,
            }
    return action


def _add_source(builder: Any, source: Path) -> None:
    kind = _EMBEDS.get(source.suffix.lower(), _SIDECAR_TYPE)
    about = {
        "title": source.name,
        "format": kind,
        "relationship": "parentOf",
        "label": _SOURCE,
        "instance_id": _SOURCE,
    }
    with source.open("rb") as file:
        builder.add_ingredient(about, kind, file)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a file's manifest says, and whether that holds.

    Attributes:
        signature: ``valid``, or why it is not.
        content: ``unchanged since it was signed``, or what is not.
        trust: Whether the signer's certificate leads to a trusted root.
        signer: Whom the certificate names.
        tool: What made the manifest.
        actions: What was done, with its kind of synthesis where one is named.
        sources: Titles of the files that it was made of.
        conversion: Direction and hashes, where this program made the file.
        sidecar: Whether the manifest lies beside the file.
    """

    signature: str
    content: str
    trust: str
    signer: str | None = None
    tool: str | None = None
    actions: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    conversion: dict[str, str] | None = None
    sidecar: bool = False

    @property
    def is_valid(self) -> bool:
        """Whether signature and content are as they were signed; trust is another matter."""
        return self.signature == _VALID and self.content == _UNCHANGED


_VALID, _UNCHANGED = "valid", "unchanged since it was signed"
_UNTRUSTED = "the signer leads to no root that is trusted here"


def is_available() -> bool:
    """Return whether the library that reads and writes manifests is installed."""
    from importlib.util import find_spec

    return find_spec("c2pa") is not None


def read_credentials(path: Path, *, trusted: Path | None = None) -> Credentials | None:
    """Read and validate the manifest in a file, or beside it; None where there is none.

    Args:
        path: The file.
        trusted: PEM of the root certificates that are trusted; None trusts none.

    Raises:
        ConfigError: The library is not installed, or the roots cannot be read.
    """
    c2pa = _library()
    kind = _EMBEDS.get(path.suffix.lower())
    beside = sidecar_path(path)
    if kind is None and not beside.is_file():
        return None
    roots = None if trusted is None else _read(trusted).decode(errors="replace")
    try:
        with path.open("rb") as file:
            if kind is None:
                manifest = beside.read_bytes()
                reader = c2pa.Reader(_SIDECAR_TYPE, file, manifest, context=_context(c2pa, roots))
            else:
                reader = c2pa.Reader(kind, file, context=_context(c2pa, roots))
            with reader:
                return _described(json.loads(reader.json()), sidecar=kind is None)
    except c2pa.C2paError.ManifestNotFound:
        return None
    except (c2pa.C2paError, OSError, ValueError) as exc:
        why = f"cannot be read ({_reason(exc)}): the manifest was changed, or is damaged"
        return Credentials(why, "not known", "not known", sidecar=kind is None)


def _described(store: dict[str, Any], *, sidecar: bool) -> Credentials:
    active = store["manifests"][store["active_manifest"]]
    results = store.get("validation_results", {}).get("activeManifest", {})
    failures = {each["code"] for each in results.get("failure", ())}
    successes = {each["code"] for each in results.get("success", ())}
    assertions = {each["label"]: each.get("data", {}) for each in active.get("assertions", ())}
    signed_by = active.get("signature_info", {})
    names = [signed_by.get(key) for key in ("common_name", "issuer")]
    tools = active.get("claim_generator_info") or [{}]
    actions = assertions.get("c2pa.actions.v2", assertions.get("c2pa.actions", {}))
    return Credentials(
        signature=_signature(failures, successes),
        content=_content(failures, successes),
        trust=_trust(failures, successes),
        signer=", ".join(dict.fromkeys(name for name in names if name)) or None,
        tool=" ".join(filter(None, (tools[0].get("name"), tools[0].get("version")))) or None,
        actions=tuple(_action_text(each) for each in actions.get("actions", ())),
        sources=tuple(each.get("title", "untitled") for each in active.get("ingredients", ())),
        conversion=assertions.get(_CONVERSION),
        sidecar=sidecar,
    )


def _action_text(action: dict[str, Any]) -> str:
    kind = str(action.get("digitalSourceType", "")).rpartition("/")[2]
    return f"{action.get('action')} ({kind})" if kind else str(action.get("action"))


def _signature(failures: set[str], successes: set[str]) -> str:
    faults = sorted(code for code in failures if code.startswith("claimSignature."))
    if faults:
        return f"NOT valid ({', '.join(faults)})"
    return _VALID if "claimSignature.validated" in successes else "NOT valid (there is none)"


def _content(failures: set[str], successes: set[str]) -> str:
    if any(code.startswith("assertion.hashedURI.") for code in failures):
        return "CHANGED: the manifest's statements are not those that were signed"
    hashes = ("assertion.dataHash.", "assertion.bmffHash.", "assertion.boxesHash.")
    if any(code.startswith(hashes) for code in failures):
        return "CHANGED: the file is not the one that was signed"
    other = sorted(code for code in failures if not code.startswith(_OF_SIGNER))
    if other:
        return f"NOT valid ({', '.join(other)})"
    if any(f"{name}match" in successes for name in hashes):
        return _UNCHANGED
    return "NOT known: the manifest holds no hash of the file"


_OF_SIGNER = ("signingCredential.", "claimSignature.", "timeStamp.")


def _trust(failures: set[str], successes: set[str]) -> str:
    if "signingCredential.trusted" in successes:
        return "the signer leads to a root that is trusted here"
    others = sorted(
        code
        for code in failures
        if code.startswith("signingCredential.") and code != "signingCredential.untrusted"
    )
    return f"{_UNTRUSTED} ({', '.join(others)})" if others else _UNTRUSTED


@cache
def _library() -> Any:  # its module, which has no types
    try:
        import c2pa
    except ImportError as exc:
        raise ConfigError(
            "c2pa-python is not installed, which reads and writes Content Credentials; "
            "pip install 'facemask-video[c2pa]'."
        ) from exc
    return c2pa


def _context(c2pa: Any, roots: str | None = None) -> Any:
    settings: dict[str, Any] = _SETTINGS
    if roots is not None:
        settings = {**settings, "trust": {"user_anchors": roots}}
    try:
        return c2pa.Context.from_dict(settings)
    except c2pa.C2paError as exc:
        raise ConfigError(f"the trusted roots cannot be used ({_reason(exc)}).") from exc


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read ({exc.strerror}); check the path.") from exc


def _checked(certificate: Path, key: Path, chain: bytes, private: bytes) -> bytes:
    """Return C2PA's name of the algorithm that a certificate and its key sign by.

    Raises:
        ConfigError: They cannot be read, do not fit, or are not valid now.
    """
    # c2pa-python needs it too.
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    try:
        leaf = x509.load_pem_x509_certificate(chain)
    except ValueError as exc:
        raise ConfigError(f"{certificate}: is no certificate in PEM.") from exc
    try:
        secret = serialization.load_pem_private_key(private, password=None)
    except TypeError as exc:
        raise ConfigError(
            f"{key}: is encrypted; decrypt it, as by openssl pkey -in {key} -out plain.pem."
        ) from exc
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise ConfigError(f"{key}: is no private key in PEM.") from exc
    now = datetime.now(UTC)
    if now > leaf.not_valid_after_utc:
        raise ConfigError(
            f"{certificate}: expired on {leaf.not_valid_after_utc:%Y-%m-%d}; renew it."
        )
    if now < leaf.not_valid_before_utc:
        raise ConfigError(f"{certificate}: is valid from {leaf.not_valid_before_utc:%Y-%m-%d} on.")
    if leaf.public_key() != secret.public_key():
        raise ConfigError(f"{key}: is not the key of {certificate}; name the two that belong.")
    if isinstance(secret, ec.EllipticCurvePrivateKey):
        found = {"secp256r1": b"es256", "secp384r1": b"es384", "secp521r1": b"es512"}
        algorithm = found.get(secret.curve.name)
    elif isinstance(secret, rsa.RSAPrivateKey):
        algorithm = b"ps256"
    else:
        algorithm = b"ed25519" if isinstance(secret, ed25519.Ed25519PrivateKey) else None
    if algorithm is None:
        raise ConfigError(f"{key}: is of a kind that C2PA does not sign by; take EC P-256.")
    return algorithm


def _reason(exc: BaseException) -> str:
    return " ".join(str(exc).split()) or type(exc).__name__
