package main

import (
	"context"

	"latchkey/cmd/latchkeyd/internal/status"
)

func statusCommand(ctx context.Context, c *call) error {
	config, err := c.config()
	if err != nil {
		return err
	}
	now, err := status.Ask(ctx, config.Reader.Data)
	if err != nil {
		return err
	}
	if config.json {
		return printJSON(c.stdout, now)
	}
	return now.Print(c.stdout)
}
