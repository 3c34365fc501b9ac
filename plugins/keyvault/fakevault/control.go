package fakevault

import (
	"encoding/json"
	"io"
	"net/http"
)

// controlRoutes lets tests in other processes do what those in this one do with
// methods.
func (s *Server) controlRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /control/answers", func(w http.ResponseWriter, r *http.Request) {
		var answers []Answer
		if err := json.NewDecoder(r.Body).Decode(&answers); err != nil {
			http.Error(w, "expected an array of answers: "+err.Error(), http.StatusBadRequest)
			return
		}
		s.Fail(answers...)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /control/answers", func(w http.ResponseWriter, _ *http.Request) {
		s.Heal()
		w.WriteHeader(http.StatusNoContent)
	})
	// Rules that the body leaves out stay as they are; durations are nanoseconds.
	mux.HandleFunc("PATCH /control/rules", func(w http.ResponseWriter, r *http.Request) {
		var err error
		s.Change(func(rules *Rules) { err = json.NewDecoder(r.Body).Decode(rules) })
		if err != nil {
			http.Error(w, "expected rules: "+err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /control/principals", func(w http.ResponseWriter, r *http.Request) {
		var rights []Right
		if err := json.NewDecoder(r.Body).Decode(&rights); err != nil {
			http.Error(w, "expected an array of rights: "+err.Error(), http.StatusBadRequest)
			return
		}
		id, secret := s.Register(rights...)
		writeJSON(w, http.StatusOK, map[string]string{"clientId": id, "clientSecret": secret})
	})
	mux.HandleFunc("GET /control/requests", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, s.Requests())
	})
	mux.HandleFunc("DELETE /control/requests", func(w http.ResponseWriter, _ *http.Request) {
		s.Forget()
		w.WriteHeader(http.StatusNoContent)
	})
	// Parameters of the query become tags.
	mux.HandleFunc("PUT /control/{host}/{name}", func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(io.LimitReader(r.Body, maxValue))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.Put(r.PathValue("host"), r.PathValue("name"), string(text))
		for key, values := range r.URL.Query() {
			s.SetTag(r.PathValue("host"), r.PathValue("name"), key, values[0])
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /control/{host}/{name}/disabled", func(w http.ResponseWriter, r *http.Request) {
		s.Disable(r.PathValue("host"), r.PathValue("name"), r.URL.Query().Get("value") != "false")
		w.WriteHeader(http.StatusNoContent)
	})
}
