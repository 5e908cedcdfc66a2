"""Sixty small tasks for tools and forms: what is asked, and what is right.

They were written before any wording was tried. Every second task of a kind is held out: wordings
are chosen by the others, and the held-out half is counted at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

JSON = dict[str, Any]


class Task(NamedTuple):
    """One task; which of the last three is given says what kind of answer is right."""

    kind: str
    question: str
    calls: Sequence[tuple[str, JSON]] = ()
    """Calls that are right, in any order."""
    words: Sequence[str] = ()
    """Words of which one must be in an answer without calls."""
    form: Mapping[str, Any] | None = None
    """JSON schema of the answer."""
    values: Mapping[str, Any] | None = None
    """What is right in a form; None: must be absent or null."""
    tools: Sequence[str] = ("weather", "add", "translate")
    must_call: str = ""
    """Empty; `any`; or the name of the function that must be called."""
    earlier: Sequence[tuple[str, JSON, str]] = ()
    """Calls that were made, and their results."""


def _object(properties: Mapping[str, Any], *, optional: Sequence[str] = ()) -> JSON:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def _text(description: str = "") -> JSON:
    return {"type": "string", "description": description} if description else {"type": "string"}


INTEGER, NUMBER, TRUTH, TEXT = ({"type": t} for t in ("integer", "number", "boolean", "string"))
TEXTS = {"type": "array", "items": TEXT}


def _tool(name: str, description: str, parameters: JSON) -> JSON:
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


_TOOLS = [
    _tool("weather", "Get the weather in a city.", _object({"city": _text("Name of the city")})),
    _tool("add", "Add two numbers.", _object({"a": INTEGER, "b": INTEGER})),
    _tool(
        "translate",
        "Translate a text into another language.",
        _object({"text": TEXT, "language": TEXT}),
    ),
    _tool(
        "send_email",
        "Send an e-mail.",
        _object({"to": _text("Address"), "subject": TEXT}),
    ),
    _tool("clock", "Tell the time in a time zone.", _object({"zone": TEXT})),
    _tool(
        "play_music",
        "Play a song.",
        _object({"song": TEXT, "volume": INTEGER}, optional=["volume"]),
    ),
    _tool("lights", "Turn the lights on or off.", _object({"room": TEXT, "on": TRUTH})),
    _tool("stock_price", "Get the price of a stock.", _object({"symbol": TEXT})),
    _tool("multiply", "Multiply two numbers.", _object({"a": INTEGER, "b": INTEGER})),
]
TOOLS = {tool["function"]["name"]: tool for tool in _TOOLS}

_ONE = "one tool of several"
_NONE = "no tool needed"
_MORE = "several calls"
_RESULT = "a result to use"
_FORCED = "a call that is a must"
_SMALL, _LARGE, _OPTIONAL, _NESTED = (
    f"form: {what}" for what in ("1 to 3 fields", "4 to 6 fields", "optional fields", "nested")
)

_HOME = ("lights", "play_music", "clock")
_OFFICE = ("stock_price", "send_email", "weather", "multiply")

TASKS: Sequence[Task] = (
    Task(_ONE, "What is the weather in Oslo?", [("weather", {"city": "Oslo"})]),
    Task(_ONE, "What is the weather like in Madrid today?", [("weather", {"city": "Madrid"})]),
    Task(_ONE, "Add 17 and 25.", [("add", {"a": 17, "b": 25})]),
    Task(_ONE, "Please add 8 and 130 for me.", [("add", {"a": 8, "b": 130})]),
    Task(
        _ONE,
        'Translate "good morning" into French.',
        [("translate", {"text": "good morning", "language": "French"})],
    ),
    Task(
        _ONE,
        'Translate "thank you" into German.',
        [("translate", {"text": "thank you", "language": "German"})],
    ),
    Task(
        _ONE,
        "Turn on the lights in the kitchen.",
        [("lights", {"room": "kitchen", "on": True})],
        tools=_HOME,
    ),
    Task(_ONE, "Play the song Yesterday.", [("play_music", {"song": "Yesterday"})], tools=_HOME),
    Task(
        _ONE,
        "What is the price of the stock MSFT?",
        [("stock_price", {"symbol": "MSFT"})],
        tools=_OFFICE,
    ),
    Task(_ONE, "Multiply 6 and 7.", [("multiply", {"a": 6, "b": 7})], tools=_OFFICE),
    Task(_NONE, "What is the capital of France?", words=["Paris"]),
    Task(_NONE, "What is the capital of Italy?", words=["Rome"]),
    Task(_NONE, "Hello! How are you?", words=["hello", "hi", "help", "well", "good", "fine"]),
    Task(_NONE, "Thank you very much!", words=["welcome", "glad", "help", "pleasure"]),
    Task(_NONE, "Say the word banana.", words=["banana"], tools=_HOME),
    Task(_NONE, "Which planet is called the red planet?", words=["Mars"], tools=_OFFICE),
    Task(
        _MORE,
        "What is the weather in Oslo and in Rome?",
        [("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"})],
    ),
    Task(
        _MORE,
        "Get the weather in Paris and the weather in London.",
        [("weather", {"city": "Paris"}), ("weather", {"city": "London"})],
    ),
    Task(
        _MORE,
        "Add 1 and 2. Then add 3 and 4.",
        [("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4})],
    ),
    Task(
        _MORE,
        "What is the weather in Cairo? Add 5 and 9.",
        [("weather", {"city": "Cairo"}), ("add", {"a": 5, "b": 9})],
    ),
    Task(
        _MORE,
        "Turn off the lights in the hall and turn off the lights in the bath.",
        [("lights", {"room": "hall", "on": False}), ("lights", {"room": "bath", "on": False})],
        tools=_HOME,
    ),
    Task(
        _MORE,
        "Get the price of the stocks IBM and SAP.",
        [("stock_price", {"symbol": "IBM"}), ("stock_price", {"symbol": "SAP"})],
        tools=_OFFICE,
    ),
    Task(
        _RESULT,
        "What is the weather in Oslo?",
        words=["rain"],
        earlier=[("weather", {"city": "Oslo"}, "Rain, 7 degrees")],
    ),
    Task(
        _RESULT,
        "What is the weather in Madrid?",
        words=["sun"],
        earlier=[("weather", {"city": "Madrid"}, "Sunny, 31 degrees")],
    ),
    Task(_RESULT, "Add 17 and 25.", words=["42"], earlier=[("add", {"a": 17, "b": 25}, "42")]),
    Task(
        _RESULT,
        'How do you say "dog" in Spanish?',
        words=["perro"],
        earlier=[("translate", {"text": "dog", "language": "Spanish"}, "perro")],
    ),
    Task(
        _RESULT,
        "What time is it in Tokyo?",
        words=["21:45", "9:45"],
        tools=_HOME,
        earlier=[("clock", {"zone": "Asia/Tokyo"}, "21:45")],
    ),
    Task(
        _RESULT,
        "What is the price of the stock IBM?",
        words=["187"],
        tools=_OFFICE,
        earlier=[("stock_price", {"symbol": "IBM"}, "187 dollars")],
    ),
    Task(
        _FORCED,
        "Is it cold in Reykjavik?",
        [("weather", {"city": "Reykjavik"})],
        must_call="weather",
    ),
    Task(_FORCED, "Is it hot in Dubai?", [("weather", {"city": "Dubai"})], must_call="weather"),
    Task(_FORCED, "How much is 12 plus 30?", [("add", {"a": 12, "b": 30})], must_call="any"),
    Task(_FORCED, "How much is 45 plus 11?", [("add", {"a": 45, "b": 11})], must_call="add"),
    Task(
        _FORCED,
        "It is dark in the bedroom. Turn the lights on.",
        [("lights", {"room": "bedroom", "on": True})],
        tools=_HOME,
        must_call="lights",
    ),
    Task(
        _FORCED,
        "I want to hear the song Imagine.",
        [("play_music", {"song": "Imagine"})],
        tools=_HOME,
        must_call="play_music",
    ),
    Task(
        _FORCED,
        "Write to ann@example.com. The subject is Lunch.",
        [("send_email", {"to": "ann@example.com", "subject": "Lunch"})],
        tools=_OFFICE,
        must_call="send_email",
    ),
    Task(
        _FORCED,
        "How much is one share of NVDA?",
        [("stock_price", {"symbol": "NVDA"})],
        tools=_OFFICE,
        must_call="any",
    ),
    Task(
        _SMALL,
        "Which city is this about? I love the museums of Vienna.",
        form=_object({"city": TEXT}),
        values={"city": "Vienna"},
    ),
    Task(
        _SMALL,
        "Who wrote this? Dear Tom, see you soon. Yours, Clara",
        form=_object({"sender": _text("Who wrote the letter")}),
        values={"sender": "Clara"},
    ),
    Task(
        _SMALL,
        "Ada is 36 years old.",
        form=_object({"name": TEXT, "age": INTEGER}),
        values={"name": "Ada", "age": 36},
    ),
    Task(
        _SMALL,
        "The book Emma was published in 1815.",
        form=_object({"title": TEXT, "year": INTEGER}),
        values={"title": "Emma", "year": 1815},
    ),
    Task(
        _SMALL,
        "The red bicycle costs 250 dollars.",
        form=_object({"item": TEXT, "color": TEXT, "price": NUMBER}),
        values={"item": "bicycle", "color": "red", "price": 250},
    ),
    Task(
        _SMALL,
        "Review: I hated this film. It was boring.",
        form=_object({"sentiment": {"type": "string", "enum": ["positive", "negative"]}}),
        values={"sentiment": "negative"},
    ),
    Task(
        _LARGE,
        "Maria Lopez, 41, is a doctor and lives in Lima.",
        form=_object({"first_name": TEXT, "last_name": TEXT, "age": INTEGER, "city": TEXT}),
        values={"first_name": "Maria", "last_name": "Lopez", "age": 41, "city": "Lima"},
    ),
    Task(
        _LARGE,
        "John Smith, 29, is a baker and lives in Leeds.",
        form=_object({"first_name": TEXT, "last_name": TEXT, "age": INTEGER, "job": TEXT}),
        values={"first_name": "John", "last_name": "Smith", "age": 29, "job": "baker"},
    ),
    Task(
        _LARGE,
        "The train from Bern to Milan leaves at 08:15 from platform 4 and costs 62 euros.",
        form=_object(
            {
                "origin": TEXT,
                "destination": TEXT,
                "time": TEXT,
                "platform": INTEGER,
                "price": NUMBER,
            }
        ),
        values={
            "origin": "Bern",
            "destination": "Milan",
            "time": "08:15",
            "platform": 4,
            "price": 62,
        },
    ),
    Task(
        _LARGE,
        "Flight LH100 goes from Berlin to Paris at 09:30 from gate 12 and costs 110 euros.",
        form=_object(
            {"flight": TEXT, "origin": TEXT, "destination": TEXT, "gate": INTEGER, "price": NUMBER}
        ),
        values={
            "flight": "LH100",
            "origin": "Berlin",
            "destination": "Paris",
            "gate": 12,
            "price": 110,
        },
    ),
    Task(
        _LARGE,
        "For sale: a Toyota Yaris, blue, built in 2015, 80000 km, 7000 dollars.",
        form=_object(
            {
                "make": TEXT,
                "model": TEXT,
                "color": TEXT,
                "year": INTEGER,
                "kilometers": INTEGER,
                "price": NUMBER,
            }
        ),
        values={
            "make": "Toyota",
            "model": "Yaris",
            "color": "blue",
            "year": 2015,
            "kilometers": 80000,
            "price": 7000,
        },
    ),
    Task(
        _LARGE,
        "To rent: a flat in Porto, 3 rooms, 75 square meters, second floor, 900 euros, furnished.",
        form=_object(
            {
                "city": TEXT,
                "rooms": INTEGER,
                "square_meters": INTEGER,
                "rent": NUMBER,
                "furnished": TRUTH,
            }
        ),
        values={"city": "Porto", "rooms": 3, "square_meters": 75, "rent": 900, "furnished": True},
    ),
    Task(
        _OPTIONAL,
        "My name is Eva.",
        form=_object(
            {"name": TEXT, "age": {"anyOf": [INTEGER, {"type": "null"}], "default": None}},
            optional=["age"],
        ),
        values={"name": "Eva", "age": None},
    ),
    Task(
        _OPTIONAL,
        "My name is Ben.",
        form=_object(
            {"name": TEXT, "email": {"anyOf": [TEXT, {"type": "null"}], "default": None}},
            optional=["email"],
        ),
        values={"name": "Ben", "email": None},
    ),
    Task(
        _OPTIONAL,
        "Lena is 12 years old.",
        form=_object(
            {"name": TEXT, "age": {"anyOf": [INTEGER, {"type": "null"}], "default": None}},
            optional=["age"],
        ),
        values={"name": "Lena", "age": 12},
    ),
    Task(
        _OPTIONAL,
        "Omar lives in Tunis.",
        form=_object({"name": TEXT, "city": TEXT, "phone": TEXT}, optional=["city", "phone"]),
        values={"name": "Omar", "city": "Tunis", "phone": None},
    ),
    Task(
        _OPTIONAL,
        "A large pizza with olives, please.",
        form=_object(
            {
                "dish": TEXT,
                "size": {"type": "string", "enum": ["small", "large"], "default": "small"},
            },
            optional=["size"],
        ),
        values={"dish": "pizza", "size": "large"},
    ),
    Task(
        _OPTIONAL,
        "Meeting with Rita on Monday at 10:00.",
        form=_object({"person": TEXT, "day": TEXT, "time": TEXT}, optional=["time"]),
        values={"person": "Rita", "day": "Monday", "time": "10:00"},
    ),
    Task(
        _NESTED,
        "Hugo lives in Lyon, in France.",
        form=_object({"name": TEXT, "address": _object({"city": TEXT, "country": TEXT})}),
        values={"name": "Hugo", "address": {"city": "Lyon", "country": "France"}},
    ),
    Task(
        _NESTED,
        "Nina works for Acme in Boston.",
        form=_object({"name": TEXT, "company": _object({"name": TEXT, "city": TEXT})}),
        values={"name": "Nina", "company": {"name": "Acme", "city": "Boston"}},
    ),
    Task(
        _NESTED,
        "I need apples, milk and bread.",
        form=_object({"items": TEXTS}),
        values={"items": ["apples", "milk", "bread"]},
    ),
    Task(
        _NESTED,
        "The colors of the flag are blue, white and red.",
        form=_object({"colors": TEXTS}),
        values={"colors": ["blue", "white", "red"]},
    ),
    Task(
        _NESTED,
        "Two guests come: Mia, 5, and Leo, 7.",
        form=_object(
            {"guests": {"type": "array", "items": _object({"name": TEXT, "age": INTEGER})}}
        ),
        values={"guests": [{"name": "Mia", "age": 5}, {"name": "Leo", "age": 7}]},
    ),
    Task(
        _NESTED,
        "The room is 4 meters wide and 6 meters long. It has 2 windows.",
        form=_object({"size": _object({"width": NUMBER, "length": NUMBER}), "windows": INTEGER}),
        values={"size": {"width": 4, "length": 6}, "windows": 2},
    ),
)


def halves() -> tuple[list[Task], list[Task]]:
    """Return the tasks by which wordings are chosen, and those that are held out."""
    by_kind: dict[str, list[Task]] = {}
    for task in TASKS:
        by_kind.setdefault(task.kind, []).append(task)
    return tuple([t for tasks in by_kind.values() for t in tasks[half::2]] for half in (0, 1))
