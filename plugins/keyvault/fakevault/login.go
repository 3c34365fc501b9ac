package fakevault

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// loginRoutes is as much of Microsoft Entra ID as a service principal needs.
func (s *Server) loginRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /common/discovery/instance", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{
			"tenant_discovery_endpoint": "https://login.microsoftonline.com/" + s.Tenant + "/v2.0/.well-known/openid-configuration",
			"api-version":               "1.1",
			"metadata": []any{map[string]any{"preferred_network": "login.microsoftonline.com",
				"preferred_cache": "login.windows.net", "aliases": loginHosts}},
		})
	})
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		base := "https://" + r.Host + "/" + r.PathValue("tenant")
		writeJSON(w, http.StatusOK, map[string]any{
			"issuer": base + "/v2.0", "token_endpoint": base + "/oauth2/v2.0/token",
			"authorization_endpoint": base + "/oauth2/v2.0/authorize", "jwks_uri": base + "/discovery/v2.0/keys",
		})
	})
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", s.serveToken)
	return mux
}

func (s *Server) serveToken(w http.ResponseWriter, r *http.Request) {
	refuse := func(status, number int, code, text string) {
		writeJSON(w, status, map[string]any{"error": code, "error_description": "AADSTS" + strconv.Itoa(number) + ": " + text,
			"error_codes": []int{number}})
	}
	secret, assertion := r.PostFormValue("client_secret"), r.PostFormValue("client_assertion")
	resource, isDefault := strings.CutSuffix(r.PostFormValue("scope"), "/.default")
	// The library asks for the standard OpenID scopes beside the resource.
	if !isDefault {
		for part := range strings.FieldsSeq(r.PostFormValue("scope")) {
			if cut, ok := strings.CutSuffix(part, "/.default"); ok {
				resource, isDefault = cut, true
			}
		}
	}
	clientID := r.PostFormValue("client_id")
	secretOf := s.secretOf(clientID)
	audience := "https://" + r.Host + r.URL.Path
	switch {
	case r.PathValue("tenant") != s.Tenant:
		refuse(http.StatusBadRequest, 90002, "invalid_request", "Tenant not found.")
	case r.PostFormValue("grant_type") != "client_credentials" || !isDefault:
		refuse(http.StatusBadRequest, 900144, "invalid_request", "The request body must contain grant_type and a default scope.")
	case secretOf == "":
		refuse(http.StatusBadRequest, 700016, "unauthorized_client", "Application was not found in the directory.")
	case assertion == "" && secret != secretOf:
		refuse(http.StatusUnauthorized, 7000215, "invalid_client", "Invalid client secret provided.")
	case strings.Count(assertion, ".") == 2 && !s.proves(clientID, assertion, audience):
		refuse(http.StatusUnauthorized, 700027, "invalid_client", "The certificate with identifier used to sign the client assertion is not registered on application.")
	case assertion != "" && strings.Count(assertion, ".") != 2 && assertion != s.FederatedToken:
		refuse(http.StatusUnauthorized, 700213, "invalid_client", "No matching federated identity record found for presented assertion subject.")
	default:
		writeJSON(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": int(tokenLife.Seconds()),
			"ext_expires_in": int(tokenLife.Seconds()), "access_token": s.mint(resource, clientID)})
	}
}

// secretOf is what an application signs in with, empty when there is none such.
func (s *Server) secretOf(clientID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.principals[clientID]; p != nil {
		return p.secret
	}
	return ""
}

// identityRoutes is what a host's managed identity is asked from: the instance
// metadata service and the endpoints of App Service and Azure Arc. The control
// interface of the command shares the listener.
func (s *Server) identityRoutes() http.Handler {
	mux := http.NewServeMux()
	identity := func(refused func(http.ResponseWriter, *http.Request) bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			s.recorded(serviceIdentity, w, r, func(w http.ResponseWriter) {
				if refused(w, r) {
					return
				}
				query := r.URL.Query()
				id := s.identityOf(query.Get("client_id"))
				if query.Get("resource") == "" || id == "" {
					refuseIdentity(w)
					return
				}
				life := strconv.Itoa(int(tokenLife.Seconds()))
				writeJSON(w, http.StatusOK, map[string]any{"access_token": s.mint(query.Get("resource"), id), "client_id": id,
					"expires_in": life, "expires_on": strconv.FormatInt(s.config.Now().Add(tokenLife).Unix(), 10),
					"resource": query.Get("resource"), "token_type": "Bearer"})
			})
		}
	}
	needs := func(header, value string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get(header) == value {
				return false
			}
			refuseIdentity(w)
			return true
		}
	}
	mux.HandleFunc("GET /metadata/identity/oauth2/token", identity(needs("Metadata", "true")))
	mux.HandleFunc("GET /msi/token", identity(needs("X-IDENTITY-HEADER", s.IdentityHeader)))
	mux.HandleFunc("GET /arc/metadata/identity/oauth2/token", identity(s.arcChallenge))
	s.controlRoutes(mux)
	return mux
}

func refuseIdentity(w http.ResponseWriter) {
	writeJSON(w, http.StatusBadRequest, map[string]any{"error": "invalid_request", "error_description": "Identity not found"})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
