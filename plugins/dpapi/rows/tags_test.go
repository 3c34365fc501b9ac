package rows_test

import (
	"encoding/json"
	"maps"
	"testing"
)

func TestTagsComeBackWhateverTheyHold(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		table, _ := f.open()
		for name, tags := range map[string]map[string]string{
			"one":            {"a": "b"},
			"many":           {"a": "1", "b": "2", "c": "", "": "d"},
			"quotes":         {`a"b`: `"`, `"`: `","`},
			"backslashes":    {`a\b`: `\`, `\"`: `\\"`},
			"their own form": {`","`: `":"`, "{": "}", ":": ","},
			"other letters":  {"ä": "\u2028\n\t<&>", "\U0001f511": "日本"},
		} {
			row := f.row(name, "sealed")
			row.Tags = tags
			f.put(table, row)
			if got := f.find(table, row.Ref).Tags; !maps.Equal(got, tags) {
				t.Errorf("%s: got %q, want %q", name, got, tags)
			}
		}
	})
}

// Somebody may have edited the column. What reads as tags is what the decoder of
// the standard library takes for them.
func TestTagsThatOthersWrote(t *testing.T) {
	f := &fixture{t: t, prefix: "secret://t/", cfg: sqliteIn(t)}
	table, db := f.open()
	f.put(table, f.row("a", "sealed"))
	for _, text := range []string{
		``, `{}`, `null`, `{"a":"b"}`, `{ "a" : "b" }`, `{"a":"b","a":"c"}`, `{"a":1}`, `{"a":"b"`, `{"a"}`, `{"a":"b",}`, `{"a":"b""c":"d"}`,
		`{"a":"b":"c":"d"}`, `{"a","b"}`, `["a":"b"]`, `{"":""}`, `{"a":"b","c"}`, `{"a":"` + "\x01" + `"}`, "{\"a\":\"\xff\"}", `{""}`, `{"`, `"}`, `x`,
	} {
		if _, err := db.Write.Exec("UPDATE IM_Secrets SET tags = ?", text); err != nil {
			t.Fatal(err)
		}
		var want map[string]string
		wantErr := text != "" && json.Unmarshal([]byte(text), &want) != nil
		row, err := table.Find(t.Context(), f.ref("a"))
		if (err != nil) != wantErr || err == nil && !maps.Equal(row.Tags, want) {
			t.Errorf("%q: got %q, %v, want %q and an error %v", text, row.Tags, err, want, wantErr)
		}
	}
}
