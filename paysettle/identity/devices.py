"""What the User-Agent gives away, roughly: enough to tell one's sessions apart, too little to follow anybody by."""

UNKNOWN = "Unknown device"

# The first that is found counts: Edge and Opera call themselves Chrome, and that calls itself Safari.
_PROGRAMS = (
    ("edg", "Edge"),
    ("opr/", "Opera"),
    ("firefox", "Firefox"),
    ("chrome", "Chrome"),
    ("safari", "Safari"),
    ("curl", "curl"),
    ("python", "Python"),
)
_SYSTEMS = (
    ("iphone", "iPhone"),
    ("ipad", "iPad"),
    ("android", "Android"),
    ("windows", "Windows"),
    ("mac os", "macOS"),
    ("linux", "Linux"),
)


def describe(user_agent: str) -> str:
    """Return a name for the device that sends this header: `Firefox on Linux`."""
    said = user_agent.lower()
    program = next((name for mark, name in _PROGRAMS if mark in said), "")
    system = next((name for mark, name in _SYSTEMS if mark in said), "")
    return " on ".join(filter(None, (program, system))) or UNKNOWN
