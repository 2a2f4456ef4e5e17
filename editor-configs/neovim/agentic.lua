-- Neovim with carlos-algms/agentic.nvim: start with :lua require("agentic").toggle()
-- The plugin passes on few variables, so name the ones your provider needs.
require("agentic").setup({
  provider = "acp-agent",
  acp_providers = {
    ["acp-agent"] = {
      name = "acp-agent",
      command = "acp-agent",
      args = {  },
      env = {
        HOME = os.getenv("HOME"),
        ANTHROPIC_API_KEY = os.getenv("ANTHROPIC_API_KEY"),
        OPENAI_API_KEY = os.getenv("OPENAI_API_KEY"),
      },
    },
  },
})
