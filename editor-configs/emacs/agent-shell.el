;;; Emacs with agent-shell: start with M-x acp-agent  -*- lexical-binding: t; -*-

(with-eval-after-load 'agent-shell
  (add-to-list
   'agent-shell-agent-configs
   (agent-shell-make-agent-config
    :identifier 'acp-agent
    :mode-line-name "acp-agent"
    :buffer-name "acp-agent"
    :shell-prompt "acp-agent> "
    :shell-prompt-regexp "acp-agent> "
    :client-maker (lambda (buffer)
                    (acp-make-client :command "acp-agent"
                                     :command-params '()
                                     :context-buffer buffer)))))

(defun acp-agent ()
  "Start a session with acp-agent in the current project."
  (interactive)
  (require 'agent-shell)
  (agent-shell-start
   :config (seq-find (lambda (config) (eq (alist-get :identifier config) 'acp-agent))
                     agent-shell-agent-configs)))
