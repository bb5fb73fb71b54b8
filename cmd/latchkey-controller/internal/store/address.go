package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"latchkey/device/durable"
)

// AddressFile is the name of the file in a site's directory that says where its database is, if that
// is not SQLite's in the same directory.
const AddressFile = "database"

// maxAddress bounds an address, in bytes.
const maxAddress = 2048

// Address returns where the database of a directory is: a URL "postgres://…" as libpq has it
// (https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNSTRING); "": SQLite's, in the
// directory itself.
func Address(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, AddressFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(b)), nil
}

func writeAddress(dir, address string) error {
	if _, err := parseAddress(address); err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, AddressFile), []byte(address+"\n"), 0o600)
}

func parseAddress(address string) (*pgx.ConnConfig, error) {
	if len(address) > maxAddress {
		return nil, fmt.Errorf("the address of the database is longer than %d bytes", maxAddress)
	}
	return pgx.ParseConfig(address)
}

// describe returns what people read of a database: its name and where it is.
func describe(config *pgx.ConnConfig) string {
	return fmt.Sprintf("%s at %s:%d", config.Database, config.Host, config.Port)
}
