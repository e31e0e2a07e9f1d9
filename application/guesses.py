"""Limits on wrong guesses at secrets. What is right is never refused for the wrong guesses of others.

A secret that is long enough is always checked, and only its wrong answers are limited: `count_wrong_guess`. A secret
that people choose or read out takes from a budget before it is checked, and gives back when it was right: `guess_at`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from application.ports.limits import AttemptLimiter, Budget

SHARED_FACTOR = 10  # an address is shared by a class, and a name is guessed at from many addresses


class Guess:
    """One guess at a secret, while it is checked."""

    def __init__(self, is_proven: bool) -> None:
        self.is_proven = is_proven  # this guesser was right before
        self.is_wrong = self.is_right = False

    def wrong(self) -> None:
        """Keep what the guess took from its budgets."""
        self.is_wrong = True

    def right(self) -> None:
        """Give it back, and remember that this guesser was right here."""
        self.is_right = True


@asynccontextmanager
async def guess_at(limiter: AttemptLimiter, guesser: str, *shared: str, factor: int = 1) -> AsyncIterator[Guess]:
    """One guess, taken from the budgets before the block checks it. Raises `TooMany` if one of them is used up.

    `guesser` names who guesses at what. `shared` are the larger budgets of all guessers of one address, or at one
    target. A guesser who was right before does without those: strangers cannot lock anybody out. A guess whose block
    calls neither `right` nor `wrong`, or that fails, is given back: nobody has learnt anything.
    """
    budgets, is_proven = [Budget(guesser, factor)], await limiter.is_proven(guesser)
    if not is_proven:
        budgets += [Budget(source, SHARED_FACTOR) for source in shared]
    attempt, guess = await limiter.take(*budgets), Guess(is_proven)
    try:
        yield guess
    except Exception:
        if not guess.is_wrong:
            await attempt.refund()
        raise
    if guess.is_right:
        await limiter.record_proof(guesser)
    if not guess.is_wrong:
        await attempt.refund()


async def count_wrong_guess(limiter: AttemptLimiter, guesser: str) -> None:
    """Count a wrong guess by `guesser` at a secret that is always checked. Raises `TooMany` beyond the budget."""
    await limiter.take(Budget(guesser))
