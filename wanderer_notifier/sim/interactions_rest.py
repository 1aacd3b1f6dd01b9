"""The routes that answer interactions: the callback and the webhook of each token (discord.md 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from wanderer_notifier.sim.discord_api import Api
from wanderer_notifier.sim.discord_form import JsonObject, Problems, Refusal, invalid_form
from wanderer_notifier.sim.discord_messages import Posted
from wanderer_notifier.sim.discord_routes import Answer, Call, Reply, give, read_form, refuse, tell
from wanderer_notifier.sim.discord_rules import EPHEMERAL, check_create, check_edit
from wanderer_notifier.sim.http import Request
from wanderer_notifier.sim.interactions import ANSWER_S, AUTOCOMPLETE, COMPONENT, TOKEN_S, Interaction, Interactions
from wanderer_notifier.sim.interactions_commands import CHOICES, check_choice

Body: TypeAlias = dict[str, Any]

MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOOSE, MODAL = 4, 5, 6, 7, 8, 9

UNKNOWN_INTERACTION = 10062
UNKNOWN_WEBHOOK = 10015
ALREADY = 40060
TOKEN_OVER = 50027

USERS_ONLY = {"parse": ["users"], "roles": [], "users": []}
"""Who may be pinged when an interaction's answer does not say."""


class InteractionRest:
    """Answers the routes of interactions.

    Args:
        api: stores and edits messages.
        interactions: what users did.
        application: the application's id.
    """

    def __init__(self, api: Api, interactions: Interactions, application: str) -> None:
        self._api = api
        self._interactions = interactions
        self._application = application

    def routes(self) -> Mapping[str, Answer]:
        """What to answer, by route."""
        one = "/webhooks/{a}/{t}/messages/{m}"
        return {
            "POST /interactions/{i}/{t}/callback": self._callback,
            "POST /webhooks/{a}/{t}": self._follow_up,
            **{f"{method} {one}": self._message for method in ("GET", "PATCH", "DELETE")},
        }

    # --- the first answer -----------------------------------------------------------------------------------------

    def _callback(self, call: Call, request: Request, at: float) -> Reply:
        interaction = self._interactions.find(call.ids["t"])
        if interaction is None or interaction.id != call.ids["i"]:
            return refuse(404, UNKNOWN_INTERACTION, "Unknown interaction")
        body = read_form(request, check_callback)
        if isinstance(body, Reply):
            return body
        if interaction.answered_at is not None:
            return refuse(400, ALREADY, "Interaction has already been acknowledged.")
        if at > interaction.asked_at + ANSWER_S:
            interaction.late = True
            return refuse(404, UNKNOWN_INTERACTION, "Unknown interaction")
        kind, data = body["type"], body["data"]
        if not _fits(kind, interaction.type):
            problems = Problems()
            problems.add(
                ("type",), "INTERACTION_APPLICATION_COMMAND_INVALID_CALLBACK_TYPE", "Callback type is invalid."
            )
            return tell(invalid_form(problems.tree))
        message: Posted | None = None
        if kind == MESSAGE:
            message = self._say(interaction, data)
            interaction.original = message.id
        elif kind == UPDATE:
            changed = self._update_source(interaction, data)
            if isinstance(changed, Reply):
                return changed
            message = changed
        elif kind == DEFERRED:
            interaction.deferred_flags = (data.get("flags") or 0) & EPHEMERAL
        elif kind == CHOOSE:
            interaction.choices = data["choices"]
        elif kind == MODAL:
            interaction.modal = data
        interaction.answer_type, interaction.answered_at = kind, at
        interaction.touch()
        if request.query.get("with_response", "").lower() not in ("true", "1"):
            return Reply(status=204)
        return give(_callback_answer(interaction, message))

    def _update_source(self, interaction: Interaction, data: Body) -> Posted | Reply:
        source = interaction.channel.find(interaction.payload["message"]["id"])
        if source is None:
            return refuse(404, 10008, "Unknown Message")
        interaction.original = source.id
        edited = self._api.store.edit(interaction.channel, source, _with_mentions(data))
        if isinstance(edited, Posted):
            interaction.messages[edited.id] = edited
        return edited

    # --- what follows -----------------------------------------------------------------------------------------------

    def _live(self, call: Call, at: float) -> Interaction | Reply:
        interaction = self._interactions.find(call.ids["t"])
        if interaction is None or call.ids["a"] != self._application or interaction.answered_at is None:
            return refuse(404, UNKNOWN_WEBHOOK, "Unknown Webhook")
        if at > interaction.asked_at + TOKEN_S:
            return refuse(401, TOKEN_OVER, "Invalid Webhook Token")
        return interaction

    def _follow_up(self, call: Call, request: Request, at: float) -> Reply:
        interaction = self._live(call, at)
        if isinstance(interaction, Reply):
            return interaction
        form = read_form(request, check_create)
        if isinstance(form, Reply):
            return form
        if interaction.loading:
            # For compatibility this edits the loading message, whose visibility was decided before (discord.md 2.2).
            return give(self._fill(interaction, form).json())
        message = self._say(interaction, form)
        interaction.touch()
        return give(message.json())

    def _message(self, call: Call, request: Request, at: float) -> Reply:
        interaction = self._live(call, at)
        if isinstance(interaction, Reply):
            return interaction
        asked = call.ids["m"]
        original = asked in ("@original", interaction.original)
        if original and interaction.loading:
            return self._loading(interaction, request)
        message = interaction.messages.get((interaction.original or "") if original else asked)
        if message is None:
            return refuse(404, 10008, "Unknown Message")
        if request.method == "GET":
            return give(message.json())
        if request.method == "DELETE":
            interaction.channel.replace(message, None)
            del interaction.messages[message.id]
            interaction.touch()
            return Reply(status=204)
        form = read_form(request, check_edit)
        if isinstance(form, Reply):
            return form
        edited = self._api.store.edit(interaction.channel, message, _with_mentions(form))
        if isinstance(edited, Reply):
            return edited
        interaction.messages[message.id] = edited
        interaction.touch()
        return give(edited.json())

    def _loading(self, interaction: Interaction, request: Request) -> Reply:
        if request.method == "GET":
            return refuse(404, 10008, "Unknown Message")
        if request.method == "DELETE":
            interaction.original = ""
            interaction.touch()
            return Reply(status=204)
        form = read_form(request, check_edit)
        if isinstance(form, Reply):
            return form
        if not any(form.get(part) for part in ("content", "embeds", "components")):
            return refuse(400, 50006, "Cannot send an empty message")
        return give(self._fill(interaction, form).json())

    # --- within -----------------------------------------------------------------------------------------------------

    def _fill(self, interaction: Interaction, form: Body) -> Posted:
        flags = form.get("flags", 0) & ~EPHEMERAL | interaction.deferred_flags
        message = self._say(interaction, {**form, "flags": flags})
        interaction.original = message.id
        interaction.touch()
        return message

    def _say(self, interaction: Interaction, form: Body) -> Posted:
        user = interaction.user.user()
        origin: JsonObject = {
            "type": 20,
            "webhook_id": self._application,
            "application_id": self._application,
            "interaction_metadata": {
                "id": interaction.id,
                "type": interaction.type,
                "user": user,
                "authorizing_integration_owners": {"0": interaction.payload["guild_id"]},
                "name": interaction.command,
                "command_type": 1,
            },
        }
        bot = self._api.guild.bot
        # Nonces of interaction answers do not count (discord.md 2.2).
        said = _with_mentions({**form, "nonce": None})
        message = self._api.store.add(interaction.channel, said, author=bot, origin=origin)
        interaction.messages[message.id] = message
        return message


def _with_mentions(form: Body) -> Body:
    return {"allowed_mentions": USERS_ONLY, **form}


def _fits(kind: int, interaction: int) -> bool:
    if interaction == AUTOCOMPLETE:
        return kind == CHOOSE
    if kind in (DEFERRED_UPDATE, UPDATE):
        return interaction == COMPONENT
    return kind in (MESSAGE, DEFERRED, MODAL)


def check_callback(body: object) -> Body | Refusal:
    """The first answer to an interaction: its `type` and checked `data`."""
    problems = Problems()
    raw = body if isinstance(body, dict) else {}
    kind, data = raw.get("type"), raw.get("data") or {}
    if not isinstance(data, dict):
        problems.add(("data",), "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        return invalid_form(problems.tree)
    if kind not in (MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOOSE, MODAL):
        problems.add(("type",), "BASE_TYPE_CHOICES", "Value must be one of (1, 4, 5, 6, 7, 8, 9, 10, 12).")
        return invalid_form(problems.tree)
    if kind in (MESSAGE, UPDATE):
        checked = (check_create if kind == MESSAGE else check_edit)(data)
        if isinstance(checked, Refusal):
            inner = {"data": checked.errors} if checked.errors is not None else None
            return Refusal(status=checked.status, code=checked.code, message=checked.message, errors=inner)
        return {"type": kind, "data": checked}
    if kind == CHOOSE:
        choices = data.get("choices")
        if not isinstance(choices, list):
            problems.add(("data", "choices"), "BASE_TYPE_REQUIRED", "This field is required")
            choices = []
        if len(choices) > CHOICES:
            problems.add(("data", "choices"), "BASE_TYPE_MAX_LENGTH", f"Must be {CHOICES} or fewer in length.")
        for index, choice in enumerate(choices):
            check_choice(choice, ("data", "choices", index), problems, text=False)
        return problems.refusal() or {"type": kind, "data": {"choices": choices}}
    if kind == DEFERRED and data.get("flags") not in (None, 0, EPHEMERAL):
        problems.add(("data", "flags"), "BASE_TYPE_CHOICES", f"Value must be one of (0, {EPHEMERAL}).")
    return problems.refusal() or {"type": kind, "data": data}


def _callback_answer(interaction: Interaction, message: Posted | None) -> Body:
    told: Body = {
        "interaction": {
            "id": interaction.id,
            "type": interaction.type,
            "response_message_loading": interaction.answer_type == DEFERRED,
        }
    }
    if message is not None:
        told["interaction"]["response_message_id"] = message.id
        told["interaction"]["response_message_ephemeral"] = message.ephemeral
        told["resource"] = {"type": interaction.answer_type, "message": message.json()}
    elif interaction.answer_type == DEFERRED:
        told["interaction"]["response_message_ephemeral"] = bool(interaction.deferred_flags)
    return told
