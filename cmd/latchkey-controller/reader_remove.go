package main

import (
	"context"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func readerRemove(c *invocation) action {
	c.details = "Its certificate and its signatures count no more: it is told nothing, and nothing it says is taken. A new\nepoch begins, which it cannot read. Its door still works with what the reader holds: take it down."
	lost := c.Bool("lost", false, "it was stolen, or may be taken apart: all PINs and cards are marked as exposed")
	return func(ctx context.Context, args []string) error {
		how, more := desk.Returned, ""
		if *lost {
			how, more = desk.Lost, "Give new PINs and cards to those who matter: user list shows whose are exposed.\n"
		}
		epoch, err := c.desk.RemoveReader(ctx, c.actor, args[0], how)
		if err != nil {
			return err
		}
		return c.report(map[string]any{"reader": args[0], "removed": how, "epoch": epoch}, `%s is removed; epoch %d begins
If the site's broker is a Mosquitto, it lets the reader in until it has the new list of revoked certificates:
latchkey-controller broker-config --dir %s --out DIR, then restart Mosquitto
%s`, args[0], epoch, c.dir, more)
	}
}
