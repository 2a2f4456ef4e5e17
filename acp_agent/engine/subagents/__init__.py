"""Conversations that work for a session: started, waited for, watched and ended. Know no client of their own.

Start reading at `delegation`.
"""
