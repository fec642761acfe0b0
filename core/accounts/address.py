"""The address that a request came from, as attempts are counted by it."""

from ipaddress import IPv6Address, IPv6Network, ip_address

from django.http import HttpRequest

UNKNOWN = "::"
"""Of a request that came over no network: a Unix socket, a test."""
NETWORK_BITS = 64
"""A household, or a rented machine, is given an IPv6 network of this many bits: all of its addresses count as one."""


def client_address(request: HttpRequest) -> str:
    """Return the client's address, of IPv6 its network's; `::` when there is none.

    Behind a proxy the server has put in what the last hop saw; headers are not looked at here.
    """
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", "").partition("%")[0])
    except ValueError:
        return UNKNOWN
    if not isinstance(address, IPv6Address):
        return str(address)
    inside = address.ipv4_mapped
    return str(inside or IPv6Network((address, NETWORK_BITS), strict=False).network_address)
