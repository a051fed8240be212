"""The Hub: runs pushed to and pulled from a server that speaks the API of huggingface.co.

This front page imports neither torch nor huggingface_hub.
"""
