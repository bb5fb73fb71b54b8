package store

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

func TestAServerThatIsAwayIsSoonListenedToAgainAndOneThatRefusesIsNot(t *testing.T) {
	t.Parallel()
	why := func(answer func(*pgproto3.Backend)) error {
		address := fakeServer(t, "tcp", "127.0.0.1:0", func(b *pgproto3.Backend, _ net.Conn) { answer(b) })
		return (&changes{engine: &postgresEngine{address: "postgres://x@" + address.String() + "/y"}}).hear(t.Context())
	}
	refuses := func(code string) error {
		return why(func(b *pgproto3.Backend) {
			b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: code})
			b.Flush()
		})
	}
	gone, starts, password, crowded := why(func(*pgproto3.Backend) {}), refuses("57P03"), refuses("28P01"), refuses("53300")
	const first, most = 100 * time.Millisecond, 5 * time.Second
	for _, c := range []struct {
		lost, last time.Duration
		err        error
		want       time.Duration
	}{
		{0, first, gone, 2 * first},
		{0, first, starts, 2 * first},
		{time.Second, 4 * first, gone, 5 * first},
		{29 * time.Second, 5 * first, io.EOF, 5 * first},
		{31 * time.Second, 5 * first, gone, 10 * first},
		{time.Minute, 4 * time.Second, starts, most},
		{0, first, password, most},
		{time.Minute, most, crowded, most},
		{time.Second, most, gone, 5 * first}, // it does not refuse any more
	} {
		if got := nextWait(c.last, c.lost, c.err); c.err == nil || got != c.want {
			t.Errorf("%v after %v, then %v: %v, not %v", c.lost, c.last, c.err, got, c.want)
		}
	}
}
