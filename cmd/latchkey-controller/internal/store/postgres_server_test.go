package store

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

// connections begins views at once, so that there are as many connections, and returns how many were at each port.
func connections(t *testing.T, s *Store) map[string]int {
	t.Helper()
	var mu sync.Mutex
	at := map[string]int{}
	var inside, views sync.WaitGroup
	inside.Add(postgresConnections)
	for range postgresConnections {
		views.Go(func() {
			began := sync.OnceFunc(inside.Done)
			defer began()
			if err := s.View(t.Context(), func(tx *Tx) error {
				var port string
				err := tx.row(`SELECT current_setting('port')`, nil, &port)
				mu.Lock()
				at[port]++
				mu.Unlock()
				began()
				inside.Wait()
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
	views.Wait()
	return at
}

func TestWhoWasReplacedAndComesBackGetsNothing(t *testing.T) {
	t.Parallel()
	first := postgrestest.NewOwn(t, "max_wal_senders=4")
	first.New("site")
	first.Do("postgres", `CREATE ROLE keeper LOGIN`, `ALTER DATABASE site OWNER TO keeper`) // with no other rights
	second := first.StandBy()
	first.Do("postgres", `ALTER SYSTEM RESET synchronous_standby_names`, `SELECT pg_reload_conf()`)
	address := fmt.Sprintf("postgres://keeper@127.0.0.1:%d,127.0.0.1:%d/site", first.Port, second.Port)
	s := openAt(t, address)
	connections(t, s)
	first.Stop(syscall.SIGINT)
	second.Promote()
	connections(t, s)
	if err := add(s, 1); err != nil {
		t.Fatal(err)
	}
	first.Start()
	terminate(second, "site")
	connections(t, s)
	for n := range int64(5) {
		if err := add(s, 2+n); err != nil {
			t.Error(err)
		}
	}
	if n := first.Ask("site", `SELECT count(*) FROM done`); n != "0" {
		t.Errorf("%s rows at who was replaced", n)
	}
	if n := second.Ask("site", `SELECT count(*) FROM done`); n != "6" {
		t.Errorf("%s rows at who took over", n)
	}
	second.Stop(syscall.SIGINT)
	if err := add(s, 9); !errors.As(err, new(*UnavailableError)) || !strings.Contains(err.Error(), "a stand-by has taken over from it") {
		t.Error(err)
	}
}

func TestAnIdleConnectionToWhoWasReplacedIsNotUsed(t *testing.T) {
	t.Parallel()
	first := postgrestest.NewOwn(t, "max_wal_senders=4")
	first.New("site")
	second := first.StandBy()
	first.Do("postgres", `ALTER SYSTEM RESET synchronous_standby_names`, `SELECT pg_reload_conf()`)
	s := openAt(t, fmt.Sprintf("postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/site", second.Port, first.Port))
	add(s, 1) // with one connection, to the first server, as the second one takes no changes
	lead, err := s.Lead(t.Context(), HomeCell, alreadyLed)
	must(t, err)
	defer lead.Close()
	led := first.Ask("site", `SELECT pg_current_wal_lsn()`)
	for end := time.Now().Add(30 * time.Second); second.Ask("postgres", `SELECT pg_last_wal_replay_lsn() >= '`+led+`'`) != "t"; {
		if time.Now().After(end) { // otherwise who takes over knows of no lead, and its term is refused
			t.Fatal("the stand-by does not follow")
		}
	}
	second.Promote()
	connections(t, s) // others, to the second one
	if at := connections(t, s); at[fmt.Sprint(first.Port)] != 0 {
		t.Error(at)
	}
	if err := add(s, 2); err != nil {
		t.Fatal(err)
	}
	if n := first.Ask("site", `SELECT count(*) FROM done`); n != "1" {
		t.Errorf("%s rows at who was replaced", n)
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if second.Ask("site", `SELECT count(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory'`) == "1" {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the lead stays where nothing is written")
		}
	}
}

func TestTwoServersAreNotOneDatabase(t *testing.T) {
	t.Parallel()
	one, other := postgrestest.NewOwn(t), postgrestest.NewOther(t)
	for _, server := range []*postgrestest.Own{one, other} {
		s := openAt(t, server.New("site"))
		must(t, s.Close())
	}
	one.Stop(syscall.SIGINT)
	s := openAt(t, fmt.Sprintf("postgres://postgres@/site?host=%s,%s&port=%d,%d", one.Dir, other.Dir, one.Port, other.Port))
	one.Start()
	connections(t, s)
	must(t, add(s, 1))
	if n := one.Ask("site", `SELECT count(*) FROM done`); n != "0" {
		t.Errorf("%s rows at another server", n)
	}
	other.Stop(syscall.SIGINT)
	if err := add(s, 2); !errors.As(err, new(*UnavailableError)) || !strings.Contains(err.Error(), "cannot be used (the server is another one than before: ") {
		t.Error(err)
	}
	e := s.engine.(*postgresEngine)
	config, err := e.connection()
	must(t, err)
	_, err = pgx.ConnectConfig(t.Context(), config)
	if said := e.refusal(err).Error(); !strings.Contains(said, "cannot be used: the server is another one than before: ") || !strings.Contains(said, "name one server and its stand-bys only") {
		t.Error(said)
	}
}

// fakeServer is at 127.0.0.1; it has each connection's beginning for answer, after which it ends it.
func fakeServer(t *testing.T, network, at string, answer func(*pgproto3.Backend, net.Conn)) net.Addr {
	t.Helper()
	listener, err := net.Listen(network, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				b := pgproto3.NewBackend(conn, conn)
				if _, err := b.ReceiveStartupMessage(); err == nil {
					answer(b, conn)
				}
			}()
		}
	}()
	return listener.Addr()
}

// welcome lets whoever connects in.
func welcome(b *pgproto3.Backend) {
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: make([]byte, 4)})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	b.Flush()
}

func TestAServerThatDoesNotAnswerIsAskedOnce(t *testing.T) {
	t.Parallel()
	address := fakeServer(t, "tcp", "127.0.0.1:0", func(_ *pgproto3.Backend, conn net.Conn) { io.Copy(io.Discard, conn) })
	e, err := connectPostgres("postgres://x@" + address.String() + "/y?connect_timeout=2")
	must(t, err)
	defer e.close()
	e.limits.busy = 500 * time.Millisecond
	began := time.Now()
	others := make(chan error, 1)
	time.AfterFunc(200*time.Millisecond, func() {
		_, err := e.begin(t.Context(), true)
		others <- err
	})
	if _, err := e.begin(t.Context(), true); !broken(err) {
		t.Error(err)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("%v", took)
	}
	if err := <-others; err == nil || !strings.Contains(err.Error(), "is not reachable (it does not answer)") {
		t.Errorf("who waits meanwhile: %v", err)
	}
}

func TestAMessageOfTheServerIsBounded(t *testing.T) {
	t.Parallel()
	address := fakeServer(t, "tcp", "127.0.0.1:0", func(b *pgproto3.Backend, conn net.Conn) {
		welcome(b)
		b.Receive()
		conn.Write([]byte{'D', 0x04, 0x00, 0x00, 0x05, 0, 1}) // a byte more than maxMessage
		io.Copy(io.Discard, conn)
	})
	e := &postgresEngine{address: "postgres://x@" + address.String() + "/y?connect_timeout=5"}
	config, err := e.connection()
	must(t, err)
	if _, err := pgx.ConnectConfig(t.Context(), config); err == nil || !strings.Contains(err.Error(), "conn closed") { // not: it waits for the rest
		t.Error(err)
	}
	s, err := Create(t.Context(), t.TempDir(), postgrestest.Database(t))
	must(t, err)
	defer s.Close()
	var large string
	must(t, s.View(t.Context(), func(tx *Tx) error { return tx.row(`SELECT repeat('x', 33554432)`, nil, &large) }))
	if len(large) != maxMessage/2 {
		t.Error(len(large))
	}
}

func TestWhatDeletesADatabaseCanBePasted(t *testing.T) {
	for address, want := range map[string]string{
		"postgres://latchkey@db.example/home":              `dropdb --host db.example --port 5432 --username latchkey -- home`,
		"postgres://the%20keeper@/it%27s%20%24HOME?port=7": `dropdb --host /var/run/postgresql --port 7 --username 'the keeper' -- 'it'\''s $HOME'`,
		"postgres://a@/-x?host=/a%3Bb,/c":                  `dropdb --host '/a;b' --port 5432 --username a -- -x`,
	} {
		if got := (&postgresEngine{address: address}).deletion(); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}
