package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
)

// A counter is a site with its desk, and who stands at it: whoever holds the
// directory owns the site.
type counter struct {
	*desk.Desk
	site  *site.Site
	actor desk.Actor
}

// openCounter opens the desk of the site that a command is about.
func openCounter(ctx context.Context, o *options) (*counter, error) {
	s, err := site.Open(ctx, o.dir)
	if err != nil {
		return nil, err
	}
	return &counter{desk.New(desk.Options{Site: s}), s, desk.AtCommandLine(sessionUser())}, nil
}

// close closes the site.
func (c *counter) close() { c.site.Close() }

// sessionUser is the name of the user of this session.
func sessionUser() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "somebody"
}

// linkURL is the address of a one-time link of the console.
func linkURL(dir, token string) string {
	address := "https://" + defaultConsole
	if b, err := os.ReadFile(filepath.Join(dir, consoleAddress)); err == nil {
		address = strings.TrimSpace(string(b))
	}
	return fmt.Sprintf("%s/link/%s", address, token)
}
