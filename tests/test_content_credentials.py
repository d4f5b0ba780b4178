"""Content Credentials: signed by a certificate made here, checked, and found out when changed."""

import datetime
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from facemask_video import api
from facemask_video.cli.main import main
from facemask_video.config import ConvertConfig, OutputConfig, VideoConfig
from facemask_video.content_credentials import Claim, Signer, read_credentials
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError
from facemask_video.pipeline.convert import convert
from facemask_video.pipeline.picture import convert_picture
from facemask_video.pipeline.plan import make_plan
from facemask_video.provenance import DIGITAL_SOURCE_TYPE
from tests.fakes import ScriptedDetector, detection_at, fake_networks
from tests.synthetic import encode_clip, moving_square_frames

c2pa = pytest.importorskip("c2pa")
x509 = pytest.importorskip("cryptography.x509")

_FACE = [detection_at(80, 60, 50)]


@dataclass(frozen=True)
class Identity:
    certificate: Path
    key: Path
    root: Path

    @property
    def sign(self) -> tuple[str, str]:
        return str(self.certificate), str(self.key)


Make = Callable[..., Identity]


@pytest.fixture(scope="session")
def make_identity(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Return a function that makes a signer's certificate, valid over some days from today."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    today = datetime.datetime.now(datetime.UTC)

    def named(name: str) -> object:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "A Test"),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )

    def usage(**given: bool) -> object:
        names = (
            *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
            *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
        )
        return x509.KeyUsage(**{name: given.get(name, False) for name in names})

    def make(first_day: int = -1, last_day: int = 30) -> Identity:
        folder = tmp_path_factory.mktemp("identity")
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

        def certificate(name: str, public: object, days: tuple[int, int]) -> Any:
            return (
                x509.CertificateBuilder()
                .subject_name(named(name))
                .issuer_name(named("root"))
                .public_key(public)
                .serial_number(x509.random_serial_number())
                .not_valid_before(today + datetime.timedelta(days=days[0]))
                .not_valid_after(today + datetime.timedelta(days=days[1]))
                .add_extension(
                    x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
                    critical=False,
                )
            )

        root = (
            certificate("root", root_key.public_key(), (-400, 400))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage(key_cert_sign=True, crl_sign=True), critical=True)
            .sign(root_key, hashes.SHA256())
        )
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        leaf = (
            certificate("signer", key.public_key(), (first_day, last_day))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage(digital_signature=True), critical=True)
            .add_extension(purpose, critical=False)
            .sign(root_key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        made = Identity(folder / "cert.pem", folder / "key.pem", folder / "root.pem")
        made.root.write_bytes(root.public_bytes(pem))
        made.certificate.write_bytes(leaf.public_bytes(pem) + root.public_bytes(pem))
        made.key.write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        return made

    return make


@pytest.fixture(scope="session")
def identity(make_identity: Make) -> Identity:
    return make_identity()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    frames = moving_square_frames(8, width_px=160, height_px=120)
    return encode_clip(tmp_path / "in.mp4", frames)


def _converted(clip: Path, target: Path, identity: Identity, *, faces: bool = True) -> Path:
    config = ConvertConfig(
        Direction.MASK,
        video=VideoConfig(preset="ultrafast"),
        output=OutputConfig(sign=identity.sign, overwrite=True),
    )
    detector = ScriptedDetector(_FACE if faces else [], frame_width_px=160)
    convert(clip, target, config, networks=fake_networks(detector))
    return target


def _flipped(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv"])
def test_a_signed_video_says_what_was_done_and_holds(
    clip: Path, tmp_path: Path, identity: Identity, name: str
) -> None:
    out = _converted(clip, tmp_path / name, identity)

    found = read_credentials(out)

    assert found is not None
    assert found.is_valid
    assert found.trust.startswith("the signer leads to no root")
    assert found.signer == "signer, A Test"
    assert found.actions == ("c2pa.opened", "c2pa.edited (compositeWithTrainedAlgorithmicMedia)")
    assert found.sources == ("in.mp4",)
    assert found.conversion is not None
    assert found.conversion["direction"] == "mask"
    assert found.conversion["weights_sha256"] == "0" * 64
    assert found.sidecar == (name == "out.mkv") == (tmp_path / "out.c2pa").is_file()
    trusted = read_credentials(out, trusted=identity.root)
    assert trusted is not None
    assert trusted.trust == "the signer leads to a root that is trusted here"
    assert api.verify_video(clip, out).ok


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_a_byte_that_flips_is_found(
    clip: Path, tmp_path: Path, identity: Identity, name: str
) -> None:
    out = _converted(clip, tmp_path / name, identity)
    _flipped(out, out.read_bytes().rindex(b"\0") - 40)

    found = read_credentials(out)

    assert found is not None
    assert not found.is_valid
    assert found.signature == "valid"
    assert found.content == "CHANGED: the file is not the one that was signed"


def test_a_manifest_that_was_changed_does_not_hold(
    clip: Path, tmp_path: Path, identity: Identity
) -> None:
    out = _converted(clip, tmp_path / "out.mp4", identity)
    _flipped(out, out.read_bytes().index(DIGITAL_SOURCE_TYPE[-20:].encode()))

    result = CliRunner().invoke(main, ["inspect", str(out)])

    assert result.exit_code == 1
    assert "NOT VALID" in result.stdout
    assert "CHANGED: the manifest's statements" in result.stdout
    assert "Traceback" not in result.output


def test_inspect_shows_what_holds_and_whom_it_trusts(
    clip: Path, tmp_path: Path, identity: Identity
) -> None:
    out = _converted(clip, tmp_path / "out.mp4", identity)

    text = CliRunner().invoke(main, ["inspect", str(out), "--trust", str(identity.root)])
    data = CliRunner().invoke(main, ["inspect", str(out), "--json"])

    assert text.exit_code == 0
    assert "C2PA, in the file: VALID" in text.stdout
    assert "trust: the signer leads to a root that is trusted here" in text.stdout
    assert json.loads(data.stdout)["credentials"]["valid"] is True


def test_a_clip_without_a_face_is_not_called_synthetic(
    clip: Path, tmp_path: Path, identity: Identity
) -> None:
    found = read_credentials(_converted(clip, tmp_path / "out.mp4", identity, faces=False))

    assert found is not None
    assert found.is_valid
    assert found.actions == ("c2pa.opened", "c2pa.repackaged")
    assert "weights_sha256" not in (found.conversion or {})


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_signed_picture_shows_nobody_as_they_were(
    tmp_path: Path, identity: Identity, suffix: str
) -> None:
    source, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    pixels = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(source)
    config = ConvertConfig(Direction.MASK, output=OutputConfig(sign=identity.sign))

    networks = fake_networks(ScriptedDetector(_FACE, frame_width_px=160))
    convert_picture(source, out, config, networks=networks)

    found = read_credentials(out)
    assert found is not None
    assert found.is_valid
    assert found.actions[1].startswith("c2pa.edited")
    with c2pa.Reader(str(out)) as reader:
        assert "thumbnail" not in reader.json()
    assert api.verify_video(source, out).ok


def test_a_file_that_was_signed_before_is_named_with_its_manifest(
    clip: Path, tmp_path: Path, identity: Identity
) -> None:
    first = _converted(clip, tmp_path / "first.mp4", identity)
    second = _converted(first, tmp_path / "second.mp4", identity)

    found = read_credentials(second)

    assert found is not None
    assert found.is_valid
    with c2pa.Reader(str(second)) as reader:
        assert len(json.loads(reader.json())["manifests"]) == 2


def test_who_cannot_sign_is_told_before_the_work(
    clip: Path, identity: Identity, make_identity: Make, tmp_path: Path
) -> None:
    other = make_identity()
    text = tmp_path / "text.pem"
    text.write_text("no key")
    cases = [
        ((identity.certificate, other.key), "is not the key of"),
        ((make_identity(-30, -2).certificate, identity.key), "expired on"),
        ((make_identity(2, 30).certificate, identity.key), "is valid from"),
        ((identity.root, identity.key), "is not the key of"),
        ((text, identity.key), "is no certificate in PEM"),
        ((identity.certificate, text), "is no private key in PEM"),
        ((tmp_path / "nowhere.pem", identity.key), "No such file"),
    ]
    for (certificate, key), reason in cases:
        config = ConvertConfig(
            Direction.MASK, output=OutputConfig(sign=(str(certificate), str(key)))
        )
        with pytest.raises(ConfigError, match=reason):
            make_plan(clip, tmp_path / "out.mp4", config)


def test_an_encrypted_key_is_named_as_that(identity: Identity, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(identity.key.read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )

    with pytest.raises(ConfigError, match="is encrypted"):
        Signer(identity.certificate, locked)


def test_a_failed_signature_leaves_no_file(
    clip: Path, tmp_path: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Signer, part: Path, claim: Claim, made: str) -> bytes | None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Signer, "sign", fail)

    with pytest.raises(KeyboardInterrupt):
        _converted(clip, tmp_path / "out.mp4", identity)

    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
