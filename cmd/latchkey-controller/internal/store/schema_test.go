package store

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// schemaDiffers says in what the schemas of the engines differ, and why.
var schemaDiffers = map[string]string{
	"SQLite: key tpm_authorities (certificate)":                                     "a certificate may be too long for an index of PostgreSQL",
	"PostgreSQL: index tpm_authorities_once unique on tpm_authorities (expression)": "it takes the place of that key",
	"SQLite: key records (id)":                                                      "records are partitioned by at, which is in each key",
	"SQLite: key records (reader_id, journal, number, hash)":                        "the same",
	"PostgreSQL: key records (id, at)":                                              "the same",
	"PostgreSQL: key records (reader_id, journal, number, hash, at)":                "the same",
	"PostgreSQL: column schema_version.one bigint not null":                         "SQLite has PRAGMA user_version",
	"PostgreSQL: column schema_version.version bigint not null":                     "the same",
	"PostgreSQL: key schema_version (one)":                                          "the same",
	"PostgreSQL: check schema_version one=1":                                        "the same",
	"PostgreSQL: column schema_works_with.one bigint not null":                      "programs of one version only work with SQLite",
	"PostgreSQL: column schema_works_with.version bigint not null":                  "the same",
	"PostgreSQL: key schema_works_with (one)":                                       "the same",
	"PostgreSQL: check schema_works_with one=1":                                     "the same",
}

func TestTheSchemaIsTheSameInBothEngines(t *testing.T) {
	all := map[string]map[string]bool{"SQLite": {}, "PostgreSQL": {}}
	for name, address := range map[string]string{"SQLite": "", "PostgreSQL": newPostgres(t)} {
		s, err := Create(t.Context(), t.TempDir(), address)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		queries := schemaInSQLite
		if address != "" {
			queries = schemaInPostgres
		}
		err = s.View(t.Context(), func(tx *Tx) error {
			for _, query := range queries {
				lines, err := tx.texts(query)
				if err != nil {
					return fmt.Errorf("%s: %w", query, err)
				}
				for _, line := range lines {
					all[name][plainSchema(line)] = true
				}
			}
			if address != "" {
				return nil
			}
			tables, err := tx.texts(`SELECT name || ' ' || sql FROM sqlite_master WHERE type = 'table' AND name <> 'sqlite_sequence'`)
			for _, table := range tables {
				name, _, _ := strings.Cut(table, " ")
				for _, check := range checksIn(table) {
					all["SQLite"][plainSchema("check "+name+" "+check)] = true
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(all[name]) < 300 {
			t.Errorf("%s has only %d parts", name, len(all[name]))
		}
	}
	var differ []string
	for name, other := range map[string]string{"SQLite": "PostgreSQL", "PostgreSQL": "SQLite"} {
		for line := range all[name] {
			if !all[other][line] {
				differ = append(differ, name+": "+line)
			}
		}
	}
	slices.Sort(differ)
	for _, line := range differ {
		if schemaDiffers[line] == "" {
			t.Errorf("only in %s", line)
		}
	}
	for line := range schemaDiffers {
		if !slices.Contains(differ, line) {
			t.Errorf("not in %s", line)
		}
	}
}

// The queries return one line for each column, key, reference, index and, of PostgreSQL, check.
var schemaInSQLite = []string{
	`SELECT 'column ' || m.name || '.' || c.name || ' ' || CASE c.type WHEN 'INTEGER' THEN 'bigint' WHEN 'BLOB' THEN 'bytea' ELSE lower(c.type) END
			|| CASE WHEN c."notnull" OR c.pk THEN ' not null' ELSE '' END || coalesce(' default ' || c.dflt_value, '')
		FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name <> 'sqlite_sequence'`,
	`SELECT 'key ' || m.name || ' (' || group_concat(c.name, ', ' ORDER BY c.pk) || ')'
		FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND c.pk > 0 GROUP BY m.name`,
	`SELECT 'key ' || m.name || ' (' || (SELECT group_concat(name, ', ' ORDER BY seqno) FROM pragma_index_info(i.name)) || ')'
		FROM sqlite_master m, pragma_index_list(m.name) i WHERE m.type = 'table' AND i.origin = 'u'`,
	`SELECT 'reference ' || m.name || '.' || f."from" || ' to ' || f."table" || '.' || f."to" || ' ' || lower(f.on_delete)
		FROM sqlite_master m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table'`,
	`SELECT 'index ' || i.name || CASE WHEN i."unique" THEN ' unique' ELSE '' END || ' on ' || m.name || ' ('
			|| (SELECT group_concat(name, ', ' ORDER BY seqno) FROM pragma_index_info(i.name) WHERE name <> 'words') || ')'
			|| CASE WHEN i.partial THEN ' where ' || substr(s.sql, instr(s.sql, ' WHERE ') + 7) ELSE '' END
		FROM sqlite_master m, pragma_index_list(m.name) i JOIN sqlite_master s ON s.name = i.name WHERE m.type = 'table' AND i.origin = 'c'`,
}

const oursInPostgres = ` c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace`

var schemaInPostgres = []string{
	`SELECT 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, NULL) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
			|| coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
		WHERE ` + oursInPostgres,
	`SELECT 'key ' || c.relname || ' (' || (SELECT string_agg(attname, ', ' ORDER BY n) FROM unnest(k.conkey) WITH ORDINALITY u (num, n) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = num) || ')'
		FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype IN ('p', 'u') WHERE ` + oursInPostgres,
	`SELECT 'reference ' || c.relname || '.' || a.attname || ' to ' || o.relname || '.' || b.attname || ' ' || CASE k.confdeltype WHEN 'a' THEN 'no action' WHEN 'c' THEN 'cascade' ELSE k.confdeltype::text END
		FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'f' JOIN pg_class o ON o.oid = k.confrelid
			JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1] JOIN pg_attribute b ON b.attrelid = o.oid AND b.attnum = k.confkey[1] WHERE ` + oursInPostgres,
	`SELECT 'index ' || n.relname || CASE WHEN i.indisunique THEN ' unique' ELSE '' END || ' on ' || c.relname || ' ('
			|| (SELECT string_agg(coalesce(attname, 'expression'), ', ' ORDER BY n) FROM unnest(i.indkey) WITH ORDINALITY u (num, n) LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = num) || ')'
			|| coalesce(' where ' || pg_get_expr(i.indpred, i.indrelid), '')
		FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid JOIN pg_class n ON n.oid = i.indexrelid
		WHERE NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u')) AND ` + oursInPostgres,
	`SELECT 'check ' || c.relname || ' ' || substr(pg_get_constraintdef(k.oid), 7) FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'c' WHERE ` + oursInPostgres,
	`SELECT 'order of text ' || c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
		WHERE a.atttypid = 'text'::regtype AND a.attcollation <> (SELECT oid FROM pg_collation WHERE collname = 'C') AND ` + oursInPostgres,
}

// checksIn returns what is in the brackets of each CHECK of a CREATE TABLE.
func checksIn(statement string) (checks []string) {
	for {
		_, after, found := strings.Cut(statement, "CHECK (")
		if !found {
			return checks
		}
		end, open := 0, 1
		for ; open > 0; end++ {
			switch after[end] {
			case '(':
				open++
			case ')':
				open--
			}
		}
		checks, statement = append(checks, after[:end-1]), after[end:]
	}
}

var (
	castInSchema    = regexp.MustCompile(`::(text|bytea|bigint|integer|"char")(\[\])?`)
	betweenInSchema = regexp.MustCompile(`(\w+) BETWEEN (\w+) AND (\w+)`)
	numberInSchema  = regexp.MustCompile(`'(-?\d+)'`)
)

// plainSchema returns a line as both engines write it, in conditions without spaces and brackets.
func plainSchema(line string) string {
	line = castInSchema.ReplaceAllString(line, "")
	line = numberInSchema.ReplaceAllString(line, "$1")
	line = strings.ReplaceAll(line, `'\x'`, `x''`)
	line = strings.ReplaceAll(line, "default x''", "default ''")
	head, condition, found := strings.Cut(line, " where ")
	if !found {
		if kind, rest, _ := strings.Cut(line, " "); kind == "check" {
			table, check, _ := strings.Cut(rest, " ")
			head, condition = kind+" "+table, check
		}
	}
	if condition == "" {
		return line
	}
	condition = betweenInSchema.ReplaceAllString(condition, "$1 >= $2 AND $1 <= $3")
	condition = strings.NewReplacer("= ANY", "IN", "ARRAY", "", " ", "", "(", "", ")", "", "[", "", "]", "").Replace(condition)
	if found {
		head += " where"
	}
	return head + " " + condition
}
