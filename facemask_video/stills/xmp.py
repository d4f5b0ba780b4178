"""The packet of XMP: how a picture says that it is synthetic, and reading that back.

The kind of synthesis is ``Iptc4xmpExt:DigitalSourceType`` (IPTC Photo Metadata, section "Digital
Source Type"); the line with tool, version, direction and weights is the ``stEvt:parameters`` of an
event in ``xmpMM:History`` (XMP specification part 2, section 2.6), which other programs keep, too.
"""

from collections.abc import Iterator, Mapping
from xml.dom import minidom
from xml.parsers.expat import ExpatError

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_MEDIA = "http://ns.adobe.com/xap/1.0/mm/"
_EVENT = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"

_EMPTY = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="'
    + _RDF
    + '"><rdf:Description rdf:about=""/></rdf:RDF></x:xmpmeta>'
)

# Of further pictures in the file or in the packet, which are not carried over, as they show the
# faces as they were: motion photos, depth, gain maps, thumbnails, and the packet that goes on in
# another segment.
_OF_FURTHER_PICTURES = (
    "http://ns.google.com/photos/",
    "http://ns.google.com/photos/1.0/",
    "http://ns.adobe.com/hdr-gain-map/",
    "http://ns.apple.com/HDRGainMap/",
    "http://ns.apple.com/pixeldatainfo/",
    "http://ns.adobe.com/xap/1.0/g/img/",
    "http://ns.adobe.com/xmp/note/",
)
_THUMBNAILS = ("http://ns.adobe.com/xap/1.0/", "Thumbnails")


def with_provenance(packet: bytes | None, made: Mapping[str, str]) -> bytes:
    """Return a packet that also says how the picture was made.

    Args:
        packet: The source's, or None.
        made: What `facemask_video.provenance.describe` returns.

    Raises:
        ValueError: The packet is no XMP.
    """
    document = _parsed(packet) if packet else minidom.parseString(_EMPTY)
    rdf = next(iter(document.getElementsByTagNameNS(_RDF, "RDF")), None)
    if rdf is None:
        raise ValueError("no rdf:RDF in the packet")
    _drop(_root(document))
    first = next(iter(rdf.getElementsByTagNameNS(_RDF, "Description")), None)
    description = document.createElementNS(_RDF, "rdf:Description")
    description.setAttribute("xmlns:rdf", _RDF)
    about = first.getAttributeNS(_RDF, "about") if first is not None else ""
    description.setAttribute("rdf:about", about)
    description.setAttribute("xmlns:Iptc4xmpExt", _IPTC)
    description.setAttribute("Iptc4xmpExt:DigitalSourceType", made["digital_source_type"])
    rdf.appendChild(description)
    _history(document, description).appendChild(_event(document, made["comment"]))
    root = _root(document).toxml()
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>' + root + '<?xpacket end="w"?>'
    ).encode()


def tags_of(packet: bytes | None) -> dict[str, str]:
    """Return what a packet says of how its picture was made, by the names of a video's tags.

    Args:
        packet: The packet; one that is damaged says nothing.
    """
    if not packet:
        return {}
    try:
        document = _parsed(packet)
    except ValueError:
        return {}
    tags = {}
    source_types = list(_values(_root(document), _IPTC, "DigitalSourceType"))
    if source_types:
        tags["digital_source_type"] = source_types[-1]
    events = list(_values(_root(document), _EVENT, "parameters"))
    if events:
        tags["comment"] = " | ".join(events)
    return tags


def _parsed(packet: bytes) -> minidom.Document:
    text = packet.strip(b"\0 \r\n")
    # A packet has no use for entities, which may grow without bound.
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise ValueError("a document type in the packet")
    try:
        return minidom.parseString(text)
    except (ExpatError, ValueError, LookupError) as exc:
        raise ValueError(f"no XML ({exc})") from exc


def _root(document: minidom.Document) -> minidom.Element:
    root = document.documentElement
    assert root is not None, "a document that was parsed has one"
    return root


def _drop(element: minidom.Element) -> None:
    """Take out what is of further pictures, and the source's own kind of synthesis."""
    for attribute in list((element.attributes or {}).values()):
        if _is_dropped(attribute.namespaceURI, attribute.localName):
            element.removeAttributeNode(attribute)
    for child in list(element.childNodes):
        if isinstance(child, minidom.Element):
            if _is_dropped(child.namespaceURI, child.localName):
                element.removeChild(child).unlink()
            else:
                _drop(child)


def _is_dropped(namespace: str | None, name: str | None) -> bool:
    named = (namespace or "", name or "")
    if named in (_THUMBNAILS, (_IPTC, "DigitalSourceType")):
        return True
    return named[0].startswith(_OF_FURTHER_PICTURES)


def _history(document: minidom.Document, description: minidom.Element) -> minidom.Element:
    """Return the sequence of events, made where there is none."""
    for history in document.getElementsByTagNameNS(_MEDIA, "History"):
        for sequence in history.getElementsByTagNameNS(_RDF, "Seq"):
            return sequence
    description.setAttribute("xmlns:xmpMM", _MEDIA)
    history = document.createElementNS(_MEDIA, "xmpMM:History")
    sequence = document.createElementNS(_RDF, "rdf:Seq")
    description.appendChild(history)
    history.appendChild(sequence)
    return sequence


def _event(document: minidom.Document, comment: str) -> minidom.Element:
    event = document.createElementNS(_RDF, "rdf:li")
    event.setAttribute("xmlns:rdf", _RDF)
    event.setAttribute("xmlns:stEvt", _EVENT)
    event.setAttribute("rdf:parseType", "Resource")
    for name, text in (
        ("action", "edited"),
        (
            "softwareAgent",
            " ".join(comment.removeprefix("Synthetic faces: ").split(",")[0].split()),
        ),
        ("parameters", comment),
    ):
        field = document.createElementNS(_EVENT, f"stEvt:{name}")
        field.appendChild(document.createTextNode(text))
        event.appendChild(field)
    return event


def _values(element: minidom.Element, namespace: str, name: str) -> Iterator[str]:
    """Yield the values of a property, wherever it stands, as an attribute or as an element."""
    if element.hasAttributeNS(namespace, name):
        yield element.getAttributeNS(namespace, name)
    for child in element.childNodes:
        if isinstance(child, minidom.Element):
            if (child.namespaceURI, child.localName) == (namespace, name):
                yield "".join(part.data for part in child.childNodes if hasattr(part, "data"))
            yield from _values(child, namespace, name)
