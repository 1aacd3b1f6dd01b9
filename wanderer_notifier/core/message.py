"""A Discord message as a value, and the request body it becomes."""

from __future__ import annotations

from attrs import evolve, frozen

from wanderer_notifier.core.events import JsonObject


@frozen(kw_only=True)
class Mention:
    """Exactly who a message may ping; the default pings nobody."""

    users: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    here: bool = False

    def allowed(self) -> JsonObject:
        """Discord's `allowed_mentions` for this mention (discord.md 3.7): what is not listed cannot ping."""
        return {"parse": ["everyone"] if self.here else [], "users": list(self.users), "roles": list(self.roles)}

    def text(self) -> str:
        """What content must say for the pings to happen; empty when there are none."""
        tokens = ["@here"] if self.here else []
        tokens += [f"<@&{role}>" for role in self.roles]
        tokens += [f"<@{user}>" for user in self.users]
        return " ".join(tokens)

    def within(self, room: int) -> Mention:
        """As much of this mention as its text has *room* for, in characters; the last users go first."""
        kept = self
        while len(kept.text()) > room and (kept.users or kept.roles or kept.here):
            if kept.users:
                kept = evolve(kept, users=kept.users[:-1])
            elif kept.roles:
                kept = evolve(kept, roles=kept.roles[:-1])
            else:
                kept = evolve(kept, here=False)
        return kept


@frozen(kw_only=True)
class Message:
    """What is shown: text, embeds (Discord's JSON form) and who is pinged."""

    content: str | None = None
    embeds: tuple[JsonObject, ...] = ()
    mention: Mention = Mention()

    def body(self, nonce: str | None = None) -> JsonObject:
        """The body of `POST /channels/{id}/messages`; *nonce* (1-25 characters) makes a repeat harmless."""
        body: JsonObject = {"allowed_mentions": self.mention.allowed()}
        if nonce is not None:
            body |= {"nonce": nonce, "enforce_nonce": True}
        if self.content:
            body["content"] = self.content
        if self.embeds:
            body["embeds"] = list(self.embeds)
        return body
