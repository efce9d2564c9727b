"""Messages of Coder's dRPC services: `*.proto` with field numbers after the contract, and the code made from
them by `make proto` (contract: tailnet.md §7, agent-side.md §11.2)."""
