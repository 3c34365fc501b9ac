import { useQuery } from "@tanstack/react-query";
import { must } from "../api/client";
import { useApi } from "../session/session";

export function useRoles() {
  const api = useApi();
  return useQuery({ queryKey: ["roles"], queryFn: ({ signal }) => must(api.GET("/api/roles", { signal })), staleTime: Infinity });
}
