package sync

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/sync/wire"
)

func TestWhatABrokerSaysOfItselfIsShortAndPlainInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		client, err := NewClient(Config{Options: newWorldOptions(), Brokers: []string{"tcp://localhost"}, Now: func() time.Duration { return 0 }, Log: slog.New(slog.NewJSONHandler(&said, nil))})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		tries := 0
		client.open = func(context.Context, wire.Broker) (net.Conn, error) {
			if tries++; tries == 2 {
				cancel()
			}
			return nil, errors.New("x509: certificate is valid for evil\u202e" + strings.Repeat("x", 60<<10) + ", not controller.example")
		}
		if err := client.connections(ctx); err != nil {
			t.Fatal(err)
		}
		client.note(Refused{Message: "policy", Reason: wire.Reason("evil\u202e" + strings.Repeat("x", 60<<10))})
		for line := range strings.Lines(said.String()) {
			if !strings.Contains(line, "evil\ufffdx") || len(line) > 2000 {
				t.Errorf("%d bytes: %.300q", len(line), line)
			}
		}
		if n := strings.Count(said.String(), "\n"); n != 2 {
			t.Errorf("%d lines", n)
		}
	})
}
