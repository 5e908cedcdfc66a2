"""Sixty small tasks for tools and forms: what is asked, and what is right.

Wordings are chosen by these; those of prompting_held_out.py are counted at the end.
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


def an_object(properties: Mapping[str, Any], *, optional: Sequence[str] = ()) -> JSON:
    """Return the schema of an object; what is not optional is a must."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def _text(description: str = "") -> JSON:
    return {"type": "string", "description": description} if description else {"type": "string"}


INTEGER, NUMBER, TRUTH, TEXT = ({"type": t} for t in ("integer", "number", "boolean", "string"))
TEXTS = {"type": "array", "items": TEXT}


def or_null(kind: JSON) -> JSON:
    """Return the schema of a field that may be null, and is where nothing is said."""
    return {"anyOf": [kind, {"type": "null"}], "default": None}


def _tool(name: str, description: str, parameters: JSON) -> JSON:
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


_TOOLS = [
    _tool("weather", "Get the weather in a city.", an_object({"city": _text("Name of the city")})),
    _tool("add", "Add two numbers.", an_object({"a": INTEGER, "b": INTEGER})),
    _tool(
        "translate",
        "Translate a text into another language.",
        an_object({"text": TEXT, "language": TEXT}),
    ),
    _tool(
        "send_email",
        "Send an e-mail.",
        an_object({"to": _text("Address"), "subject": TEXT}),
    ),
    _tool("clock", "Tell the time in a time zone.", an_object({"zone": TEXT})),
    _tool(
        "play_music",
        "Play a song.",
        an_object({"song": TEXT, "volume": INTEGER}, optional=["volume"]),
    ),
    _tool("lights", "Turn the lights on or off.", an_object({"room": TEXT, "on": TRUTH})),
    _tool("stock_price", "Get the price of a stock.", an_object({"symbol": TEXT})),
    _tool("multiply", "Multiply two numbers.", an_object({"a": INTEGER, "b": INTEGER})),
]
TOOLS = {tool["function"]["name"]: tool for tool in _TOOLS}

ONE = "one tool of several"
NONE = "no tool needed"
MORE = "several calls"
RESULT = "a result to use"
FORCED = "a call that is a must"
SMALL, LARGE, OPTIONAL, NESTED = (
    f"form: {what}" for what in ("1 to 3 fields", "4 to 6 fields", "optional fields", "nested")
)

HOME = ("lights", "play_music", "clock")
OFFICE = ("stock_price", "send_email", "weather", "multiply")

TASKS: Sequence[Task] = (
    Task(ONE, "What is the weather in Oslo?", [("weather", {"city": "Oslo"})]),
    Task(ONE, "What is the weather like in Madrid today?", [("weather", {"city": "Madrid"})]),
    Task(ONE, "Add 17 and 25.", [("add", {"a": 17, "b": 25})]),
    Task(ONE, "Please add 8 and 130 for me.", [("add", {"a": 8, "b": 130})]),
    Task(
        ONE,
        'Translate "good morning" into French.',
        [("translate", {"text": "good morning", "language": "French"})],
    ),
    Task(
        ONE,
        'Translate "thank you" into German.',
        [("translate", {"text": "thank you", "language": "German"})],
    ),
    Task(
        ONE,
        "Turn on the lights in the kitchen.",
        [("lights", {"room": "kitchen", "on": True})],
        tools=HOME,
    ),
    Task(ONE, "Play the song Yesterday.", [("play_music", {"song": "Yesterday"})], tools=HOME),
    Task(
        ONE,
        "What is the price of the stock MSFT?",
        [("stock_price", {"symbol": "MSFT"})],
        tools=OFFICE,
    ),
    Task(ONE, "Multiply 6 and 7.", [("multiply", {"a": 6, "b": 7})], tools=OFFICE),
    Task(NONE, "What is the capital of France?", words=["Paris"]),
    Task(NONE, "What is the capital of Italy?", words=["Rome"]),
    Task(NONE, "Hello! How are you?", words=["hello", "hi", "help", "well", "good", "fine"]),
    Task(NONE, "Thank you very much!", words=["welcome", "glad", "help", "pleasure"]),
    Task(NONE, "Say the word banana.", words=["banana"], tools=HOME),
    Task(NONE, "Which planet is called the red planet?", words=["Mars"], tools=OFFICE),
    Task(
        MORE,
        "What is the weather in Oslo and in Rome?",
        [("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"})],
    ),
    Task(
        MORE,
        "Get the weather in Paris and the weather in London.",
        [("weather", {"city": "Paris"}), ("weather", {"city": "London"})],
    ),
    Task(
        MORE,
        "Add 1 and 2. Then add 3 and 4.",
        [("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4})],
    ),
    Task(
        MORE,
        "What is the weather in Cairo? Add 5 and 9.",
        [("weather", {"city": "Cairo"}), ("add", {"a": 5, "b": 9})],
    ),
    Task(
        MORE,
        "Turn off the lights in the hall and turn off the lights in the bath.",
        [("lights", {"room": "hall", "on": False}), ("lights", {"room": "bath", "on": False})],
        tools=HOME,
    ),
    Task(
        MORE,
        "Get the price of the stocks IBM and SAP.",
        [("stock_price", {"symbol": "IBM"}), ("stock_price", {"symbol": "SAP"})],
        tools=OFFICE,
    ),
    Task(
        RESULT,
        "What is the weather in Oslo?",
        words=["rain"],
        earlier=[("weather", {"city": "Oslo"}, "Rain, 7 degrees")],
    ),
    Task(
        RESULT,
        "What is the weather in Madrid?",
        words=["sun"],
        earlier=[("weather", {"city": "Madrid"}, "Sunny, 31 degrees")],
    ),
    Task(RESULT, "Add 17 and 25.", words=["42"], earlier=[("add", {"a": 17, "b": 25}, "42")]),
    Task(
        RESULT,
        'How do you say "dog" in Spanish?',
        words=["perro"],
        earlier=[("translate", {"text": "dog", "language": "Spanish"}, "perro")],
    ),
    Task(
        RESULT,
        "What time is it in Tokyo?",
        words=["21:45", "9:45"],
        tools=HOME,
        earlier=[("clock", {"zone": "Asia/Tokyo"}, "21:45")],
    ),
    Task(
        RESULT,
        "What is the price of the stock IBM?",
        words=["187"],
        tools=OFFICE,
        earlier=[("stock_price", {"symbol": "IBM"}, "187 dollars")],
    ),
    Task(
        FORCED,
        "Is it cold in Reykjavik?",
        [("weather", {"city": "Reykjavik"})],
        must_call="weather",
    ),
    Task(FORCED, "Is it hot in Dubai?", [("weather", {"city": "Dubai"})], must_call="weather"),
    Task(FORCED, "How much is 12 plus 30?", [("add", {"a": 12, "b": 30})], must_call="any"),
    Task(FORCED, "How much is 45 plus 11?", [("add", {"a": 45, "b": 11})], must_call="add"),
    Task(
        FORCED,
        "It is dark in the bedroom. Turn the lights on.",
        [("lights", {"room": "bedroom", "on": True})],
        tools=HOME,
        must_call="lights",
    ),
    Task(
        FORCED,
        "I want to hear the song Imagine.",
        [("play_music", {"song": "Imagine"})],
        tools=HOME,
        must_call="play_music",
    ),
    Task(
        FORCED,
        "Write to ann@example.com. The subject is Lunch.",
        [("send_email", {"to": "ann@example.com", "subject": "Lunch"})],
        tools=OFFICE,
        must_call="send_email",
    ),
    Task(
        FORCED,
        "How much is one share of NVDA?",
        [("stock_price", {"symbol": "NVDA"})],
        tools=OFFICE,
        must_call="any",
    ),
    Task(
        SMALL,
        "Which city is this about? I love the museums of Vienna.",
        form=an_object({"city": TEXT}),
        values={"city": "Vienna"},
    ),
    Task(
        SMALL,
        "Who wrote this? Dear Tom, see you soon. Yours, Clara",
        form=an_object({"sender": _text("Who wrote the letter")}),
        values={"sender": "Clara"},
    ),
    Task(
        SMALL,
        "Ada is 36 years old.",
        form=an_object({"name": TEXT, "age": INTEGER}),
        values={"name": "Ada", "age": 36},
    ),
    Task(
        SMALL,
        "The book Emma was published in 1815.",
        form=an_object({"title": TEXT, "year": INTEGER}),
        values={"title": "Emma", "year": 1815},
    ),
    Task(
        SMALL,
        "The red bicycle costs 250 dollars.",
        form=an_object({"item": TEXT, "color": TEXT, "price": NUMBER}),
        values={"item": "bicycle", "color": "red", "price": 250},
    ),
    Task(
        SMALL,
        "Review: I hated this film. It was boring.",
        form=an_object({"sentiment": {"type": "string", "enum": ["positive", "negative"]}}),
        values={"sentiment": "negative"},
    ),
    Task(
        LARGE,
        "Maria Lopez, 41, is a doctor and lives in Lima.",
        form=an_object({"first_name": TEXT, "last_name": TEXT, "age": INTEGER, "city": TEXT}),
        values={"first_name": "Maria", "last_name": "Lopez", "age": 41, "city": "Lima"},
    ),
    Task(
        LARGE,
        "John Smith, 29, is a baker and lives in Leeds.",
        form=an_object({"first_name": TEXT, "last_name": TEXT, "age": INTEGER, "job": TEXT}),
        values={"first_name": "John", "last_name": "Smith", "age": 29, "job": "baker"},
    ),
    Task(
        LARGE,
        "The train from Bern to Milan leaves at 08:15 from platform 4 and costs 62 euros.",
        form=an_object(
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
        LARGE,
        "Flight LH100 goes from Berlin to Paris at 09:30 from gate 12 and costs 110 euros.",
        form=an_object(
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
        LARGE,
        "For sale: a Toyota Yaris, blue, built in 2015, 80000 km, 7000 dollars.",
        form=an_object(
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
        LARGE,
        "To rent: a flat in Porto, 3 rooms, 75 square meters, second floor, 900 euros, furnished.",
        form=an_object(
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
        OPTIONAL,
        "My name is Eva.",
        form=an_object({"name": TEXT, "age": or_null(INTEGER)}, optional=["age"]),
        values={"name": "Eva", "age": None},
    ),
    Task(
        OPTIONAL,
        "My name is Ben.",
        form=an_object({"name": TEXT, "email": or_null(TEXT)}, optional=["email"]),
        values={"name": "Ben", "email": None},
    ),
    Task(
        OPTIONAL,
        "Lena is 12 years old.",
        form=an_object({"name": TEXT, "age": or_null(INTEGER)}, optional=["age"]),
        values={"name": "Lena", "age": 12},
    ),
    Task(
        OPTIONAL,
        "Omar lives in Tunis.",
        form=an_object({"name": TEXT, "city": TEXT, "phone": TEXT}, optional=["city", "phone"]),
        values={"name": "Omar", "city": "Tunis", "phone": None},
    ),
    Task(
        OPTIONAL,
        "A large pizza with olives, please.",
        form=an_object(
            {
                "dish": TEXT,
                "size": {"type": "string", "enum": ["small", "large"], "default": "small"},
            },
            optional=["size"],
        ),
        values={"dish": "pizza", "size": "large"},
    ),
    Task(
        OPTIONAL,
        "Meeting with Rita on Monday at 10:00.",
        form=an_object({"person": TEXT, "day": TEXT, "time": TEXT}, optional=["time"]),
        values={"person": "Rita", "day": "Monday", "time": "10:00"},
    ),
    Task(
        NESTED,
        "Hugo lives in Lyon, in France.",
        form=an_object({"name": TEXT, "address": an_object({"city": TEXT, "country": TEXT})}),
        values={"name": "Hugo", "address": {"city": "Lyon", "country": "France"}},
    ),
    Task(
        NESTED,
        "Nina works for Acme in Boston.",
        form=an_object({"name": TEXT, "company": an_object({"name": TEXT, "city": TEXT})}),
        values={"name": "Nina", "company": {"name": "Acme", "city": "Boston"}},
    ),
    Task(
        NESTED,
        "I need apples, milk and bread.",
        form=an_object({"items": TEXTS}),
        values={"items": ["apples", "milk", "bread"]},
    ),
    Task(
        NESTED,
        "The colors of the flag are blue, white and red.",
        form=an_object({"colors": TEXTS}),
        values={"colors": ["blue", "white", "red"]},
    ),
    Task(
        NESTED,
        "Two guests come: Mia, 5, and Leo, 7.",
        form=an_object(
            {"guests": {"type": "array", "items": an_object({"name": TEXT, "age": INTEGER})}}
        ),
        values={"guests": [{"name": "Mia", "age": 5}, {"name": "Leo", "age": 7}]},
    ),
    Task(
        NESTED,
        "The room is 4 meters wide and 6 meters long. It has 2 windows.",
        form=an_object(
            {"size": an_object({"width": NUMBER, "length": NUMBER}), "windows": INTEGER}
        ),
        values={"size": {"width": 4, "length": 6}, "windows": 2},
    ),
)
